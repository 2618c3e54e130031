"""Any image model of open_clip, by PyTorch.

dupfind squashes the whole picture to the tile, where open_clip's own transform crops the middle: a copy often differs
at the edges, and a crop would hide that. What is left to do here is open_clip's normalisation.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from dupfind_server.engines.base import EngineSettings, Vectors, Weights, environment
from dupfind_server.engines.gpu import gpu_facts
from dupfind_server.errors import SetupError
from dupfind_server.manifest import Calibration, Input, Manifest
from dupfind_server.tiles import Tiles

try:
    import open_clip
    import torch
except ImportError as e:
    raise SetupError(f"the open_clip engine needs PyTorch and open_clip ({e}): pip install 'dupfind-server[torch]'") from e

Tensor: TypeAlias = Any  # torch.Tensor, where torch is installed

RANDOM = "random"
SEED = 20260101  # of random weights: the same on every machine with the same PyTorch
BUCKETS = (1, 8, 32, 64)  # a compiled model is compiled once for each of these; other batches are filled up to the next
PROVISIONAL = Calibration(((0, 0), (0.98, 0.95), (1, 1)))  # no source: nobody measured it
DTYPES = {"fp16": "float16", "bf16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class Batch:
    """Normalised pixels [n, 3, size, size], of which the first count are tiles and the rest filling."""

    pixels: Tensor
    count: int


class OpenClipEngine:
    """The image tower of an open_clip model."""

    def __init__(self, settings: EngineSettings) -> None:
        self._device = _device(settings.device)
        on_gpu = self._device.type == "cuda"
        precision = settings.precision if settings.precision != "auto" else "fp16" if on_gpu else "fp32"
        if precision not in ("fp32", *DTYPES):
            raise SetupError(f"--precision {precision}: want auto, fp32, fp16 or bf16")
        if not on_gpu and settings.threads:
            torch.set_num_threads(settings.threads)
        model = _create(settings)
        config = open_clip.get_model_preprocess_cfg(model)
        size = _side(config["size"])
        if config["interpolation"] != "bicubic":
            log = logging.getLogger(__name__)
            log.warning("%s was trained on %s tiles; dupfind's are bicubic", settings.model, config["interpolation"])
        self.weights: Weights = "random" if _is_random(settings) else "trained"
        digest = weights_digest(model.visual.state_dict())
        layout = torch.channels_last if on_gpu else torch.contiguous_format
        self._model = model.to(self._device, memory_format=layout)
        self._layout = layout
        self._autocast = getattr(torch, DTYPES[precision]) if precision in DTYPES else None
        self._mean, self._std = (
            torch.tensor(config[key], device=self._device).reshape(1, 3, 1, 1) for key in ("mean", "std")
        )
        self._buckets = BUCKETS if settings.compile else ()
        self._encode: Callable[[Tensor], Tensor] = self._model.encode_image
        if settings.compile:
            self._encode = torch.compile(self._model.encode_image, dynamic=False)
        dim = self.forward(self.preprocess(np.zeros((1, size, size, 3), np.uint8))).shape[1]
        self.manifest = _manifest(settings, digest, dim, size)
        facts = {"torch": torch.__version__, "open_clip": open_clip.__version__, "compile": str(settings.compile).lower()}
        if on_gpu:
            facts |= gpu_facts()
            facts |= {"gpu": torch.cuda.get_device_name(self._device), "cuda": str(torch.version.cuda)}
        self.environment = environment("open_clip", device=self._device.type, precision=precision, **facts)

    def preprocess(self, tiles: Tiles) -> Batch:
        """Bring the tiles to the device and normalise them there."""
        n = len(tiles)
        filled = next((b for b in self._buckets if b >= n), n)
        on_gpu = self._device.type == "cuda"
        pixels = torch.empty((filled, *tiles.shape[1:]), dtype=torch.uint8, pin_memory=on_gpu)
        pixels.numpy()[:n] = tiles
        pixels.numpy()[n:] = 0
        x = pixels.to(self._device, non_blocking=True).permute(0, 3, 1, 2)
        x = x.to(torch.float32, memory_format=self._layout).div_(255).sub_(self._mean).div_(self._std)
        return Batch(x, n)

    def forward(self, batch: Batch) -> Tensor:
        """Run the model and wait for it."""
        with torch.inference_mode(), self._precision():
            out = self._encode(batch.pixels)[: batch.count].float()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return out

    def postprocess(self, out: Tensor) -> Vectors:
        """Scale to unit length. A row without a direction becomes not-a-number, for faults to find."""
        with torch.inference_mode():
            vectors: Vectors = (out / out.norm(dim=1, keepdim=True)).cpu().numpy()
        return vectors

    def close(self) -> None:
        """Let go of the model's memory."""
        del self._model, self._encode
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _precision(self) -> contextlib.AbstractContextManager[object]:
        if self._autocast is None:
            return contextlib.nullcontext()
        context: contextlib.AbstractContextManager[object] = torch.autocast(self._device.type, dtype=self._autocast)
        return context


def weights_digest(state: dict[str, Tensor]) -> str:
    """Give the digest of weights by their names, shapes and values: the same from a file, a tag or an export."""
    h = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu()
        if value.is_floating_point():
            value = value.float()
        array = np.ascontiguousarray(value.numpy())
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        h.update(f"{name} {array.dtype.str} {list(array.shape)}\n".encode())
        h.update(array.tobytes())
    return "sha256:" + h.hexdigest()


def _create(settings: EngineSettings) -> Any:  # noqa: ANN401 -- a torch module
    if settings.model not in open_clip.list_models() and ":" not in settings.model:
        raise SetupError(
            f"--model {settings.model}: open_clip has no such model; it has {', '.join(open_clip.list_models())}"
        )
    if settings.weights and not Path(settings.weights).is_file():
        raise SetupError(f"--weights {settings.weights}: no such file")
    source = None if _is_random(settings) else str(settings.weights or settings.pretrained)
    tags = open_clip.list_pretrained_tags_by_model(settings.model)
    if source and not settings.weights and ":" not in settings.model and source not in tags:
        raise SetupError(
            f"--pretrained {source}: {settings.model} has {', '.join(tags) or 'none'}; or give --weights FILE, or {RANDOM}"
        )
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            model = open_clip.create_model(
                settings.model, pretrained=source, require_pretrained=source is not None, device="cpu", precision="fp32"
            )
    except Exception as e:  # a download, a file format or a name: each raises errors of its own
        raise SetupError(f"load {settings.model} {source}: {type(e).__name__}: {e}") from e
    return model.eval().requires_grad_(requires_grad=False)


def _is_random(settings: EngineSettings) -> bool:
    return settings.pretrained == RANDOM and settings.weights is None


def _device(asked: str) -> Any:  # noqa: ANN401 -- a torch device
    if asked == "cuda" and not torch.cuda.is_available():
        raise SetupError("--device cuda: PyTorch sees no GPU (is the driver loaded, is this a CUDA build of PyTorch?)")
    return torch.device("cuda" if asked != "cpu" and torch.cuda.is_available() else "cpu")


def _side(size: int | tuple[int, int]) -> int:
    if isinstance(size, int):
        return size
    height, width = size
    if height != width:
        raise SetupError(f"the model takes pictures of {height} x {width}; dupfind's tiles are square")
    return height


def _manifest(settings: EngineSettings, digest: str, dim: int, size: int) -> Manifest:
    origin = settings.pretrained if settings.weights is None else ""
    name = re.sub(r"[^A-Za-z0-9._+/-]", "-", "-".join(filter(None, ("open_clip", settings.model, origin))))
    manifest = Manifest(
        name=name,
        digest=digest,
        dim=dim,
        tile_size=size,
        input=Input(name="image", layout="nhwc", type="uint8"),
        output="embedding",
        normalised=True,
        calibration=PROVISIONAL,
        source=f"open_clip {settings.model}, {'weights of a file' if settings.weights else settings.pretrained}",
    )
    manifest.validate()
    return manifest
