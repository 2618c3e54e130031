"""What a request must look like. Each fault is a RequestError that says what was wrong and what is wanted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dupfind_server.inference import inference_pb2 as pb
from dupfind_server.tiles import CHANNELS, Tiles, split_elements

INPUT, OUTPUT = "image", "embedding"
RAW, ENCODED = "UINT8", "BYTES"
SHOWN = 80  # characters of a foreign name in a message


class RequestError(ValueError):
    """A request that cannot be answered, whatever the server's state."""


@dataclass(frozen=True, slots=True)
class Model:
    """One of the two names under which the engine is offered."""

    name: str
    encoded: bool  # takes encoded tiles, not raw ones
    tile_size: int
    dim: int
    max_batch: int

    @property
    def datatype(self) -> str:
        """Give the type of its input."""
        return ENCODED if self.encoded else RAW

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Give the shape of its input, the batch as -1."""
        return (-1, 1) if self.encoded else (-1, self.tile_size, self.tile_size, CHANNELS)


def read_request(  # noqa: C901 -- a list of checks, one after the other
    request: pb.ModelInferRequest, model: Model
) -> tuple[int, Tiles | list[bytes]]:
    """Give the number of tiles, and the tiles without copying them, or the encoded ones one by one."""
    if len(request.inputs) != 1:
        raise RequestError(f"{len(request.inputs)} inputs, want one, {INPUT!r}")
    given = request.inputs[0]
    if given.name != INPUT:
        raise RequestError(f"input {given.name[:SHOWN]!r}, want {INPUT!r}")
    if given.datatype != model.datatype:
        raise RequestError(f"input of type {given.datatype[:SHOWN]!r}, {model.name} takes {model.datatype}")
    shape, want = tuple(given.shape), model.input_shape
    if len(shape) != len(want) or shape[1:] != want[1:]:
        raise RequestError(f"input of shape {list(shape)[:8]}, want {['n', *want[1:]]}".replace("'", ""))
    n = shape[0]
    if not 1 <= n <= model.max_batch:
        raise RequestError(f"{n} tiles in a request, want 1 to {model.max_batch}")
    for output in request.outputs:
        if output.name != OUTPUT:
            raise RequestError(f"output {output.name[:SHOWN]!r} asked for, there is only {OUTPUT!r}")
    if given.HasField("contents"):
        raise RequestError("typed contents, want raw_input_contents, which are many times faster")
    if len(request.raw_input_contents) != 1:
        raise RequestError(f"{len(request.raw_input_contents)} raw_input_contents, want one for the one input")
    raw = request.raw_input_contents[0]
    if model.encoded:
        try:
            return n, split_elements(raw, n)
        except ValueError as e:
            raise RequestError(str(e)) from e
    if len(raw) != math.prod(shape):
        raise RequestError(f"{len(raw)} bytes of raw input, a shape of {list(shape)} has {math.prod(shape)}")
    return n, np.frombuffer(raw, np.uint8).reshape(shape)


def answer(request: pb.ModelInferRequest, model: Model, version: str, vectors: bytes, count: int) -> pb.ModelInferResponse:
    """Put vectors, as little-endian float32, into an answer."""
    output = pb.ModelInferResponse.InferOutputTensor(name=OUTPUT, datatype="FP32", shape=[count, model.dim])
    return pb.ModelInferResponse(
        model_name=model.name, model_version=version, id=request.id, outputs=[output], raw_output_contents=[vectors]
    )
