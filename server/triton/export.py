"""Writes what Triton serves dupfind from: an ONNX file that takes tiles, and a model repository.

    export.py --repository DIR                       SSCD on Triton's Python backend, and its decoder
    export.py --repository DIR --backend onnxruntime for Triton's own ONNX Runtime (NVIDIA's container)
    export.py --onnx FILE                            the ONNX file alone

Run it on the machine that serves, by the Python that runs the models: clients are told what it finds there.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "pytorch" / "src"))

import numpy as np
import numpy.typing as npt

import graph
import repository
from dupfind_server.engines import Engine, EngineSettings, SetupError, embed, load
from dupfind_server.engines.gpu import gpu_facts
from dupfind_server.engines.onnx import find_sscd
from dupfind_server.manifest import Manifest, ManifestError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
DRIFT = 1e-4  # the most that 1 - cosine may be between the model as it was and as it is exported
PROBES = 4

Files: TypeAlias = list[tuple[str, bytes | Path]]


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks, and give the exit status."""
    args = _parser().parse_args(argv)
    try:
        for line in _file(args) if args.onnx else _repository(args):
            sys.stdout.write(line + "\n")
    except (SetupError, ManifestError, OSError) as e:
        sys.stderr.write(f"export: {e}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    defaults = EngineSettings()
    p = argparse.ArgumentParser(
        prog="export.py", description="Write the ONNX file and the repository that Triton serves dupfind from."
    )
    what = p.add_mutually_exclusive_group(required=True)
    what.add_argument("--repository", type=Path, metavar="DIR", help="write the models into this folder")
    what.add_argument("--onnx", type=Path, metavar="FILE", help="write the ONNX file that takes tiles here")
    p.add_argument("--backend", choices=("python", "onnxruntime"), default="python", help="what of Triton runs the model")
    p.add_argument("--engine", choices=("onnx", "open_clip", "sim"), default="onnx")
    p.add_argument("--weights", type=Path, metavar="FILE", help="onnx: the model (without it SSCD); open_clip: a checkpoint")
    p.add_argument(
        "--manifest", type=Path, metavar="FILE", help="onnx: its manifest (without it the .json beside the model)"
    )
    p.add_argument("--model", default=defaults.model, help="open_clip: the architecture")
    p.add_argument("--pretrained", default=defaults.pretrained, help="open_clip: the weights' tag, or random")
    p.add_argument("--name", help="the model's name in Triton (without it the manifest's)")
    p.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    p.add_argument("--precision", choices=("auto", "fp32", "fp16", "bf16"), default="auto", help="open_clip on a GPU")
    p.add_argument("--instances", type=int, default=1, metavar="N", help="copies of the model on each device")
    p.add_argument(
        "--delay-us", type=int, default=0, metavar="N", help="how long a request may wait for others to fill a batch"
    )
    p.add_argument(
        "--decoders", type=int, default=2, metavar="N", help="processes that decode tiles, each on all cores (2); 0: none"
    )
    p.add_argument(
        "--tensorrt", choices=("FP16", "FP32"), help="onnxruntime: by TensorRT (not for int8 models such as SSCD)"
    )
    return p


def _settings(args: argparse.Namespace) -> EngineSettings:
    return EngineSettings(
        engine=args.engine,
        weights=args.weights,
        manifest=args.manifest,
        model=args.model,
        pretrained=args.pretrained,
        device=args.device,
        precision=args.precision,
    )


def _file(args: argparse.Namespace) -> list[str]:
    """Write the ONNX file, and its manifest beside it."""
    content, engine = onnx_file(_settings(args))
    if engine.weights != "trained":
        raise SetupError(
            "random weights are there to measure a server by: give --repository, where clients are told of them"
        )
    args.onnx.write_bytes(content)
    args.onnx.with_suffix(".json").write_text(_framed_manifest(engine.manifest).to_json(), encoding="ascii")
    return [f"{args.onnx}: {engine.manifest.name}, with its manifest beside it"]


def _repository(args: argparse.Namespace) -> list[str]:
    """Write the model, and the one that decodes for it."""
    if args.tensorrt and args.backend != "onnxruntime":
        raise SetupError("--tensorrt is of the onnxruntime backend: add --backend onnxruntime")
    model, config, files = (_python if args.backend == "python" else _onnxruntime)(args)
    if not NAME.fullmatch(model.name) or model.name.endswith("_encoded"):
        raise SetupError(f"--name {model.name}: want letters, digits and . _ + - only, and not _encoded at its end")
    repository.write_model(args.repository, model.name, config, files)
    done = [f"{args.repository / model.name}: {model.manifest.name} on the {args.backend} backend"]
    if args.decoders:
        config = repository.decoder_config(model, args.decoders)
        decoder: Files = [("model.py", HERE / "models" / "decode.py")]
        repository.write_model(args.repository, f"{model.name}_encoded", config, decoder)
        done.append(f"{args.repository / model.name}_encoded: decodes for it")
    return done


def _python(args: argparse.Namespace) -> tuple[repository.Model, str, Files]:
    settings = _settings(args)
    engine = load(settings)
    engine.close()
    facts = engine.environment | {"server": "Triton, Python backend"}
    model = repository.Model(_name(args, engine), engine.manifest, engine.weights, facts)
    batching = repository.Batching(args.instances, facts["device"] == "cuda", args.delay_us)
    files, fields = _engine_files(settings, engine.manifest)
    config = repository.python_config(model, batching, fields)
    return model, config, [("model.py", HERE / "models" / "embed.py"), *files]


def _onnxruntime(args: argparse.Namespace) -> tuple[repository.Model, str, Files]:
    content, engine = onnx_file(_settings(args))
    on_gpu = args.device != "cpu"
    facts = {
        "server": "Triton, ONNX Runtime backend",
        "engine": "onnxruntime",
        "device": "cuda" if on_gpu else "cpu",
        "precision": args.tensorrt.lower() if args.tensorrt else engine.environment["precision"],
        "tensorrt": "yes" if args.tensorrt else "no",
    }
    if on_gpu:
        facts |= gpu_facts()
    model = repository.Model(_name(args, engine), engine.manifest, engine.weights, facts)
    batching = repository.Batching(args.instances, on_gpu, args.delay_us)
    return model, repository.onnxruntime_config(model, batching, args.tensorrt or ""), [("model.onnx", content)]


def _name(args: argparse.Namespace, engine: Engine) -> str:
    name: str = args.name or engine.manifest.name.replace("/", "-")
    return name


def _engine_files(settings: EngineSettings, manifest: Manifest) -> tuple[Files, dict[str, str]]:
    """Give the files that the engine needs beside model.py, and its settings with their names."""
    fields = {"engine": settings.engine, "device": settings.device}
    files: Files = []
    match settings.engine:
        case "onnx":
            files = [("model.onnx", settings.weights or find_sscd()), ("model.json", manifest.to_json().encode())]
            fields |= {"weights": "model.onnx", "manifest": "model.json"}
        case "open_clip":
            fields |= {"model": settings.model, "pretrained": settings.pretrained, "precision": settings.precision}
            if settings.weights:
                files = [("weights.bin", settings.weights)]
                fields |= {"weights": "weights.bin"}
    return files, fields


def onnx_file(settings: EngineSettings) -> tuple[bytes, Engine]:
    """Give the model as an ONNX file with the wire's tensors, and the engine, on a CPU, that it was held against."""
    engine = load(replace(settings, device="cpu", precision="auto"))
    match settings.engine:
        case "onnx":
            path = settings.weights or find_sscd()
            ready = graph.is_ready(engine.manifest)
            content = path.read_bytes() if ready else graph.framed(path, engine.manifest).SerializeToString()
        case "open_clip":
            import clip  # noqa: PLC0415 -- torch is an extra

            content = clip.onnx_file(engine)
        case _:
            raise SetupError(f"the engine {settings.engine} is no model: it has no ONNX file")
    _verify(content, engine)
    engine.close()
    return content, engine


def _framed_manifest(m: Manifest) -> Manifest:
    """Describe the exported file; its digest is left to be filled in from the file itself."""
    given = replace(m.input, name=graph.INPUT, layout="nhwc", type="uint8", mean=None, std=None)
    return replace(m, input=given, output=graph.OUTPUT, normalised=True, digest="")


def _verify(content: bytes, engine: Engine) -> None:
    import onnxruntime as ort  # noqa: PLC0415 -- not needed for the rest

    size = engine.manifest.tile_size
    tiles: npt.NDArray[np.uint8] = np.random.default_rng(1).integers(0, 256, (PROBES, size, size, 3), np.uint8)
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    (got,) = session.run([graph.OUTPUT], {graph.INPUT: tiles})
    drift = float(np.max(1 - np.sum(np.asarray(got, np.float64) * embed(engine, tiles), axis=1)))
    if not drift <= DRIFT:
        raise SetupError(
            f"the exported model gives other vectors than the model: 1 - cosine is {drift:.2g}, want at most {DRIFT:g}"
        )


if __name__ == "__main__":
    sys.exit(main())
