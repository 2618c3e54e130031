"""KServe's SDK serves a model of dupfind's: for the interoperability test, not for use.

Raw tiles only, and nothing of Triton's extensions: the client must be told the model's name and its manifest. KServe's
gRPC has neither TLS nor a token, and binds to every address; here it is held to loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "pytorch" / "src"))

import uvicorn
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer, model_server
from kserve.errors import InvalidInput
from kserve.protocol.grpc import server as grpc_server

from dupfind_server.engines import Engine, EngineSettings, embed, load

LOOPBACK = "127.0.0.1"
ENGINES = {"sscd": "onnx", "sim": "sim"}


class Embedder(Model):  # type: ignore[misc]  # the SDK is not checked
    """One model; its name is the manifest's."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.manifest.name)
        self._engine = engine
        self._thread = ThreadPoolExecutor(1)  # an engine is run by one thread at a time
        self.ready = True

    async def get_input_types(self) -> list[dict[str, object]]:
        """Tell what ModelMetadata asks."""
        size = self._engine.manifest.tile_size
        return [{"name": "image", "datatype": "UINT8", "shape": [-1, size, size, 3]}]

    async def get_output_types(self) -> list[dict[str, object]]:
        """Tell what ModelMetadata asks."""
        return [{"name": "embedding", "datatype": "FP32", "shape": [-1, self._engine.manifest.dim]}]

    async def predict(self, payload: InferRequest, *_: object, **__: object) -> InferResponse:
        """Embed one request's tiles."""
        tiles = payload.inputs[0].as_numpy()
        try:
            vectors = await asyncio.get_running_loop().run_in_executor(self._thread, embed, self._engine, tiles)
        except ValueError as e:  # a TileError is one
            raise InvalidInput(str(e)) from e
        out = InferOutput(name="embedding", shape=list(vectors.shape), datatype="FP32")
        out.set_data_from_numpy(vectors, binary_data=True)
        return InferResponse(response_id=payload.id, model_name=self.name, infer_outputs=[out])


def hold_to_loopback() -> None:
    """Have the SDK's two servers bind to loopback, for which it has no option."""
    make: Callable[..., Any] = grpc_server.aio.server

    def grpc(*args: object, **kwargs: object) -> Any:  # noqa: ANN401 -- a server of grpc's
        server = make(*args, **kwargs)
        add = server.add_insecure_port
        server.add_insecure_port = lambda address: add(f"{LOOPBACK}:{address.rpartition(':')[2]}")
        return server

    grpc_server.aio.server = grpc
    configure = uvicorn.Config.__init__

    def http(self: uvicorn.Config, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        configure(self, *args, **kwargs | {"host": LOOPBACK})

    uvicorn.Config.__init__ = http


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(parents=[model_server.parser], conflict_handler="resolve")
    parser.add_argument("--model", choices=sorted(ENGINES), default="sscd")
    args, _ = parser.parse_known_args()
    hold_to_loopback()
    engine = load(EngineSettings(engine=ENGINES[args.model]))
    server = ModelServer(http_port=args.http_port, grpc_port=args.grpc_port, enable_latency_logging=False, grace_period=2)
    server.start([Embedder(engine)])


if __name__ == "__main__":
    main()
