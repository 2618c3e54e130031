"""Triton's model repository: a folder with a config.pbtxt for each model, and the model's files in its folder `1`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dupfind_server.engines.base import Weights
from dupfind_server.manifest import Manifest

MAX_BATCH = 64  # as the protocol has it
WARM_UP = (1, 8, 32, 64)

# default_queue_policy is left out on purpose, and must stay out: with it single requests hang for half a second.
NO_POLICY = """\
# No default_queue_policy here, whatever it would be good for: with one, of whatever size and with or without a timeout,
# single requests hang for 510 to 550 ms in Triton (one in ten, measured on 2.51). So the queue has no bound of its own;
# dupfind bounds what it sends."""


@dataclass(frozen=True, slots=True)
class Model:
    """What config.pbtxt tells of a model, whatever runs it."""

    name: str
    manifest: Manifest
    weights: Weights
    environment: Mapping[str, str]

    def parameters(self) -> dict[str, str]:
        """Give what dupfind asks for before it sends a tile."""
        return {
            "dupfind_manifest": self.manifest.to_json(),
            "dupfind_weights": self.weights,
            "dupfind_environment": json.dumps(dict(self.environment)),
        }


@dataclass(frozen=True, slots=True)
class Batching:
    """How Triton fills a batch, and how many run at once."""

    instances: int = 1
    on_gpu: bool = False
    delay_us: int = 0  # how long a request may wait for others; 0: what waits anyway goes together

    def config(self) -> str:
        """Give the lines of config.pbtxt."""
        kind = "KIND_GPU" if self.on_gpu else "KIND_CPU"
        delay = f"max_queue_delay_microseconds: {self.delay_us} " if self.delay_us else ""
        return f"instance_group [ {{ count: {self.instances} kind: {kind} }} ]\n{NO_POLICY}\ndynamic_batching {{ {delay}}}\n"


def python_config(model: Model, batching: Batching, engine: Mapping[str, str]) -> str:
    """Configure the Python backend, which runs an engine of server/pytorch (models/embed.py)."""
    more = {"dupfind_engine": json.dumps(dict(engine))}
    return _head(model, "python", _tile_dims(model)) + batching.config() + _parameters(model.parameters() | more)


def onnxruntime_config(model: Model, batching: Batching, tensorrt: str) -> str:
    """Configure Triton's own ONNX Runtime backend; tensorrt is a precision, or nothing."""
    text = _head(model, "onnxruntime", _tile_dims(model)) + batching.config()
    if tensorrt:
        text += _TENSORRT % {"precision": tensorrt}
    size = model.manifest.tile_size
    for n in WARM_UP:
        text += _WARM_UP % {"n": n, "size": size}
    return text + _parameters(model.parameters())


def decoder_config(model: Model, decoders: int) -> str:
    """Configure NAME_encoded (models/decode.py): so many processes, which hold no model."""
    more = {"dupfind_model": model.name, "dupfind_manifest": model.manifest.to_json()}
    head = _head(model, "python", "[ 1 ]", suffix="_encoded", kind="TYPE_STRING")
    return head + Batching(instances=decoders).config() + _parameters(more)


def write_model(repository: Path, name: str, config: str, files: Sequence[tuple[str, bytes | Path]]) -> None:
    """Write one model's folder; each file is given by its content, or by where it is."""
    version = repository / name / "1"
    version.mkdir(parents=True, exist_ok=True)
    for file, content in files:
        data = content if isinstance(content, bytes) else content.read_bytes()
        (version / file).write_bytes(data)
    (repository / name / "config.pbtxt").write_text(config, encoding="ascii")


_TENSORRT = """\
# The first start builds TensorRT's engine, which takes minutes; the cache makes the next one quick.
optimization { execution_accelerators { gpu_execution_accelerator {
  name: "tensorrt"
  parameters { key: "precision_mode" value: "%(precision)s" }
  parameters { key: "max_workspace_size_bytes" value: "1073741824" }
  parameters { key: "trt_engine_cache_enable" value: "1" }
  parameters { key: "trt_engine_cache_path" value: "/tmp/dupfind-tensorrt" }
} } }
"""

_WARM_UP = """\
model_warmup { name: "%(n)d" batch_size: %(n)d inputs { key: "image" value: {
  data_type: TYPE_UINT8 dims: [ %(size)d, %(size)d, 3 ] zero_data: true } } }
"""


def _tile_dims(model: Model) -> str:
    return f"[ {model.manifest.tile_size}, {model.manifest.tile_size}, 3 ]"


def _head(model: Model, backend: str, dims: str, suffix: str = "", kind: str = "TYPE_UINT8") -> str:
    return (
        f"# Written by dupfind's server/triton/export.py.\n"
        f"name: {_quoted(model.name + suffix)}\n"
        f"backend: {_quoted(backend)}\n"
        f"max_batch_size: {MAX_BATCH}\n"
        f'input {{ name: "image" data_type: {kind} dims: {dims} }}\n'
        f'output {{ name: "embedding" data_type: TYPE_FP32 dims: [ {model.manifest.dim} ] }}\n'
    )


def _parameters(values: Mapping[str, str]) -> str:
    lines = (f"parameters {{ key: {_quoted(k)} value: {{ string_value: {_quoted(v)} }} }}\n" for k, v in values.items())
    return "".join(lines)


def _quoted(text: str) -> str:
    """Write a string in protobuf's text format: what is not printable ASCII as bytes of UTF-8, in octal."""
    out = []
    for byte in text.encode():
        c = chr(byte)
        out.append("\\" + c if c in '"\\' else c if " " <= c <= "~" else f"\\{byte:03o}")
    return '"' + "".join(out) + '"'
