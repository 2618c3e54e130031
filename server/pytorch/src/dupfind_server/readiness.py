"""Whether the server can embed, found out by embedding."""

from __future__ import annotations

import asyncio
import enum
import logging
import time

import numpy as np

from dupfind_server.batcher import Batcher
from dupfind_server.engines.base import Engine

log = logging.getLogger(__name__)

FRESH_SECONDS = 5.0  # a run as recent as this is proof enough: health checks, which need no token, cannot load the model
PROBE_SECONDS = 30.0


class State(enum.Enum):
    """The server's life."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "shutting down"


class Readiness:
    """Answers whether the model works. Lives in the event loop."""

    def __init__(self, engine: Engine, batcher: Batcher) -> None:
        size = engine.manifest.tile_size
        self.state = State.STARTING
        self._tile = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)
        self._batcher = batcher
        self._probe: asyncio.Task[bool] | None = None

    async def ready(self) -> bool:
        """Tell whether the model ran just now, running one tile where nothing else did; callers share one probe."""
        if self.state is not State.READY:
            return False
        if time.monotonic() - self._batcher.last_run < FRESH_SECONDS:
            return True
        if self._probe is None:
            self._probe = asyncio.create_task(self._run())
            self._probe.add_done_callback(self._forget)
        return await asyncio.shield(self._probe)

    def _forget(self, _probe: asyncio.Task[bool]) -> None:
        self._probe = None

    async def _run(self) -> bool:
        try:
            await asyncio.wait_for(asyncio.wrap_future(self._batcher.probe(self._tile)), PROBE_SECONDS)
        except Exception as e:  # noqa: BLE001 -- whatever the model raises
            log.warning("not ready: one tile could not be embedded: %s: %s", type(e).__name__, e)
            return False
        return True
