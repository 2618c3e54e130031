"""The Open Inference Protocol over one engine, under two names: NAME takes raw tiles, NAME_encoded encoded ones."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
from grpc import aio

from dupfind_server import __version__
from dupfind_server.batcher import Batcher, ClosedError, ExpiredError, Job, QueueFullError, Result
from dupfind_server.engines.base import Engine
from dupfind_server.errors import TileError
from dupfind_server.inference import inference_pb2 as pb
from dupfind_server.inference import inference_pb2_grpc as rpc
from dupfind_server.readiness import Readiness, State
from dupfind_server.requests import INPUT, OUTPUT, SHOWN, Model, RequestError, answer, read_request
from dupfind_server.telemetry import Telemetry
from dupfind_server.tiles import Tiles, decode_tiles

log = logging.getLogger(__name__)

Context: TypeAlias = aio.ServicerContext[Any, Any]

VERSION = "1"
PLATFORM = "dupfind"
PUSHBACK = "grpc-retry-pushback-ms"
DISPATCHERS = 4  # threads that wait for a request's tiles to be decoded


@dataclass(slots=True, eq=False)
class Refusal(Exception):  # noqa: N818 -- an answer, not a fault of the server
    """An answer other than vectors."""

    code: grpc.StatusCode
    details: str
    pushback_ms: int | None = None


class InferenceServicer(rpc.GRPCInferenceServiceServicer):
    """Checks requests, decodes their tiles, queues them and answers."""

    def __init__(
        self,
        engine: Engine,
        batcher: Batcher,
        readiness: Readiness,
        telemetry: Telemetry,
        models: tuple[Model, ...],
        *,
        decode_threads: int,
    ) -> None:
        self._engine = engine
        self._batcher = batcher
        self._readiness = readiness
        self._telemetry = telemetry
        self._models = {m.name: m for m in models}
        self._decoders = ThreadPoolExecutor(decode_threads, "decode")
        self._running = 0  # requests
        self._idle = asyncio.Event()
        self._dispatchers = ThreadPoolExecutor(DISPATCHERS, "dispatch")

    async def idle(self) -> None:
        """Wait until no request is under way; to be called when no more are let in."""
        self._idle.clear()
        if self._running:
            await self._idle.wait()

    def close(self) -> None:
        """End the threads."""
        self._dispatchers.shutdown(cancel_futures=True)
        self._decoders.shutdown(cancel_futures=True)

    async def ServerLive(self, _request: pb.ServerLiveRequest, _context: Context) -> pb.ServerLiveResponse:  # noqa: N802
        """Answer that the process lives."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, _request: pb.ServerReadyRequest, _context: Context) -> pb.ServerReadyResponse:  # noqa: N802
        """Tell whether the model runs."""
        return pb.ServerReadyResponse(ready=await self._readiness.ready())

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Context) -> pb.ModelReadyResponse:  # noqa: N802
        """Tell whether the model runs; both names are one engine's."""
        await self._named(request, context)
        return pb.ModelReadyResponse(ready=await self._readiness.ready())

    async def ServerMetadata(  # noqa: N802
        self, _request: pb.ServerMetadataRequest, _context: Context
    ) -> pb.ServerMetadataResponse:
        """Name the server and what it can do beyond the protocol."""
        extensions = ["model_configuration", "model_repository", "statistics"]
        return pb.ServerMetadataResponse(name="dupfind-server", version=__version__, extensions=extensions)

    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Context) -> pb.ModelMetadataResponse:  # noqa: N802
        """Tell a model's input and output."""
        model = await self._named(request, context)
        tensor = pb.ModelMetadataResponse.TensorMetadata
        return pb.ModelMetadataResponse(
            name=model.name,
            versions=[VERSION],
            platform=PLATFORM,
            inputs=[tensor(name=INPUT, datatype=model.datatype, shape=model.input_shape)],
            outputs=[tensor(name=OUTPUT, datatype="FP32", shape=[-1, model.dim])],
        )

    async def ModelConfig(self, request: pb.ModelConfigRequest, context: Context) -> pb.ModelConfigResponse:  # noqa: N802
        """Tell the manifest, the kind of the weights and what runs them."""
        model = await self._named(request, context)
        environment = {"server": f"dupfind-server {__version__}"} | self._engine.environment
        parameters = {
            "dupfind_manifest": self._engine.manifest.to_json(),
            "dupfind_weights": self._engine.weights,
            "dupfind_environment": json.dumps(environment),
        }
        config = pb.ModelConfig(
            name=model.name,
            platform=PLATFORM,
            backend=self._engine.environment["engine"],
            max_batch_size=model.max_batch,
            parameters={key: pb.ModelParameter(string_value=value) for key, value in parameters.items()},
        )
        return pb.ModelConfigResponse(config=config)

    async def ModelStatistics(  # noqa: N802
        self, request: pb.ModelStatisticsRequest, context: Context
    ) -> pb.ModelStatisticsResponse:
        """Tell the counts of one model, or of both when none is named."""
        names = [(await self._named(request, context)).name] if request.name else list(self._models)
        return pb.ModelStatisticsResponse(model_stats=[self._telemetry.statistics(name, VERSION) for name in names])

    async def RepositoryIndex(  # noqa: N802
        self, request: pb.RepositoryIndexRequest, _context: Context
    ) -> pb.RepositoryIndexResponse:
        """List the models."""
        state = self._readiness.state
        if request.ready and state is not State.READY:
            return pb.RepositoryIndexResponse()
        shown = {State.READY: "READY", State.STARTING: "LOADING", State.STOPPING: "UNLOADING"}[state]
        index = pb.RepositoryIndexResponse.ModelIndex
        return pb.RepositoryIndexResponse(models=[index(name=n, version=VERSION, state=shown) for n in self._models])

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:  # noqa: N802
        """Embed the tiles of a request."""
        started = time.monotonic_ns()
        name = request.model_name
        self._running += 1
        try:
            return await self._infer(request, context, started)
        except Refusal as refusal:
            self._telemetry.failed(name, refusal.code.name, time.monotonic_ns() - started)
            trailing = () if refusal.pushback_ms is None else ((PUSHBACK, str(refusal.pushback_ms)),)
            await context.abort(refusal.code, refusal.details, trailing)
        except asyncio.CancelledError:
            self._telemetry.failed(name, "CANCELLED", time.monotonic_ns() - started)
            raise
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def _infer(self, request: pb.ModelInferRequest, context: Context, started: int) -> pb.ModelInferResponse:
        model = self._find(request.model_name, request.model_version)
        if self._readiness.state is not State.READY:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, f"the server is {self._readiness.state.value}")
        try:
            count, tiles = read_request(request, model)
            left = context.time_remaining()
            job = self._batcher.admit(model.name, count, None if left is None else time.monotonic() + left)
            try:
                arrived = time.monotonic_ns()
                if isinstance(tiles, list):
                    tiles = await self._decode(tiles, model)
                decode_ns = time.monotonic_ns() - arrived
                result = await self._run(job, tiles)
            finally:
                job.future.cancel()  # gives the room back when anything went wrong before the model had it
        except (RequestError, TileError) as e:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, str(e)) from e
        except QueueFullError as e:
            raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, str(e), e.pushback_ms) from e
        except ExpiredError as e:
            raise Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline passed while the request waited") from e
        except ClosedError as e:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "the server is shutting down") from e
        vectors = result.vectors.astype("<f4", copy=False).tobytes()
        self._telemetry.answered(model.name, result, decode_ns, time.monotonic_ns() - started)
        return answer(request, model, VERSION, vectors, count)

    async def _decode(self, elements: list[bytes], model: Model) -> Tiles:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._dispatchers, decode_tiles, elements, model.tile_size, self._decoders)

    async def _run(self, job: Job, tiles: Tiles) -> Result:
        try:
            return await asyncio.wrap_future(self._batcher.submit(job, tiles))
        except (TileError, ExpiredError, ClosedError):
            raise
        except Exception as e:
            raise Refusal(
                grpc.StatusCode.INTERNAL, f"the model failed: {type(e).__name__}; the server's log says more"
            ) from e

    def _find(self, name: str, version: str) -> Model:
        model = self._models.get(name)
        if model is None:
            has = ", ".join(self._models)
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"no model {name[:SHOWN]!r} here; there is {has}")
        if version not in ("", VERSION):
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"no version {version[:SHOWN]!r} of {name}; there is {VERSION}")
        return model

    async def _named(self, request: Any, context: Context) -> Model:  # noqa: ANN401 -- any request with name and version
        try:
            return self._find(request.name, request.version)
        except Refusal as refusal:
            await context.abort(refusal.code, refusal.details)
