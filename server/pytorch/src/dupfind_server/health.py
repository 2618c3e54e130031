"""The standard health service, grpc.health.v1, whose answer comes from the model."""

from __future__ import annotations

import asyncio
from typing import Any

from grpc import aio
from grpc_health.v1 import health, health_pb2

from dupfind_server.readiness import Readiness

LAST_WORD_SECONDS = 0.05
SERVICES = ("", "inference.GRPCInferenceService")


class HealthServicer(health.aio.HealthServicer):  # type: ignore[misc] # its package has no types
    """Runs the model to answer Check; Watch tells what Check, start and shutdown found."""

    def __init__(self, readiness: Readiness) -> None:
        super().__init__()
        self._readiness = readiness
        self._ended = asyncio.Event()

    async def Watch(self, request: Any, context: aio.ServicerContext[Any, Any]) -> None:  # noqa: ANN401, N802
        """Tell each change, until the server ends."""
        watching = asyncio.ensure_future(super().Watch(request, context))
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait((watching, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            ended.cancel()

    async def end(self) -> None:
        """End the calls that watch, which would delay the shutdown, once they have heard of it."""
        await asyncio.sleep(LAST_WORD_SECONDS)
        self._ended.set()

    async def update(self) -> None:
        """Find out how things are, for those who watch."""
        serving = await self._readiness.ready()
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in SERVICES:
            await self.set(service, status)

    async def Check(self, request: Any, context: aio.ServicerContext[Any, Any]) -> Any:  # noqa: ANN401, N802
        """Answer one question."""
        if request.service in SERVICES:
            await self.update()
        return await super().Check(request, context)
