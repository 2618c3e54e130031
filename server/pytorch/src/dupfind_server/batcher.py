"""The queue before the model and the one thread that empties it.

When the thread is free it takes all that waits, up to a limit in tiles, and runs it as one batch. It never sleeps to
fill a batch: while one runs the next one gathers, so that a loaded server has full batches and an idle one no delay.
The queue is bounded in tiles, and a tile counts from the moment its request is let in, before it is decoded.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dupfind_server.engines.base import Engine, Vectors, faults
from dupfind_server.errors import TileError
from dupfind_server.tiles import Tiles

log = logging.getLogger(__name__)

LEAST_PUSHBACK_MS, MOST_PUSHBACK_MS = 10, 5000
NEW_SHARE = 0.2  # of the last run in the running mean of the time per tile


class QueueFullError(Exception):
    """No room for a request now; after pushback_ms about half of what waits will be done."""

    def __init__(self, pushback_ms: int) -> None:
        super().__init__(f"the queue is full: try again in {pushback_ms} ms, or send fewer requests at once")
        self.pushback_ms = pushback_ms


class ExpiredError(Exception):
    """The request's deadline passed while it waited."""


class ClosedError(Exception):
    """The server is shutting down."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long the steps of one run took, in nanoseconds."""

    input: int
    infer: int
    output: int


@dataclass(frozen=True, slots=True)
class Result:
    """A request's vectors, and how they came to be."""

    vectors: Vectors
    queue_ns: int
    run: Times


@dataclass(slots=True, eq=False)
class Job:
    """One request's tiles on their way through the queue."""

    model: str  # under which it was asked for; empty for a probe, which no statistics count
    count: int
    deadline: float | None = None  # on the monotonic clock
    future: Future[Result] = field(default_factory=Future)
    tiles: Tiles | None = None
    queued_ns: int = 0


class Batcher:
    """Runs the engine in a thread of its own. Its other methods may be called from any thread."""

    def __init__(
        self, engine: Engine, max_batch: int, max_queue: int, ran: Callable[[Counter[str], Times], None] | None = None
    ) -> None:
        self._engine = engine
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._ran = ran
        self._work = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._held = 0  # tiles let in and not yet taken
        self._closed = False
        self._seconds_per_tile = 0.0
        self.last_run = -float("inf")  # when a run last went well, on the monotonic clock
        self._thread = threading.Thread(target=self._loop, name="batcher", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Count the tiles that are let in and not yet with the model."""
        return self._held

    def admit(self, model: str, count: int, deadline: float | None = None) -> Job:
        """Hold room for a request, or raise QueueFullError. The room is free again when its future is cancelled."""
        job = Job(model, count, deadline)
        with self._work:
            if self._closed:
                raise ClosedError
            if self._held + count > self._max_queue:
                half = self._seconds_per_tile * self._held / 2
                raise QueueFullError(int(min(max(half * 1000, LEAST_PUSHBACK_MS), MOST_PUSHBACK_MS)))
            self._held += count
        job.future.add_done_callback(lambda future: self._forget(job) if future.cancelled() else None)
        return job

    def submit(self, job: Job, tiles: Tiles) -> Future[Result]:
        """Put an admitted request's tiles into the queue."""
        with self._work:
            job.tiles, job.queued_ns = tiles, time.monotonic_ns()
            closed = self._closed
            if closed and not job.future.cancelled():
                self._held -= job.count
            elif not job.future.cancelled():
                self._jobs.append(job)
                self._work.notify()
        if closed and job.future.set_running_or_notify_cancel():
            job.future.set_exception(ClosedError())
        return job.future

    def probe(self, tiles: Tiles) -> Future[Result]:
        """Run tiles ahead of the queue, full or not."""
        job = Job("", len(tiles), tiles=tiles, queued_ns=time.monotonic_ns())
        with self._work:
            closed = self._closed
            if not closed:
                self._held += job.count
                self._jobs.appendleft(job)
                self._work.notify()
        if closed:
            job.future.set_exception(ClosedError())
        else:
            job.future.add_done_callback(lambda future: self._forget(job) if future.cancelled() else None)
        return job.future

    def close(self, patience: float = 5.0) -> None:
        """Refuse what waits, and wait for the run under way."""
        with self._work:
            self._closed = True
            left = list(self._jobs)
            self._jobs.clear()
            self._held -= sum(job.count for job in left)
            self._work.notify()
        for job in left:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(ClosedError())
        self._thread.join(patience)

    def _forget(self, job: Job) -> None:
        with self._work:
            self._held -= job.count
            if job in self._jobs:
                self._jobs.remove(job)

    def _loop(self) -> None:
        while jobs := self._take():
            self._run(jobs)

    def _take(self) -> list[Job]:
        """Wait for work and take what fits into one batch; nothing once closed."""
        while True:
            taken: list[Job] = []
            tiles = 0
            with self._work:
                self._work.wait_for(lambda: self._jobs or self._closed)
                if self._closed:
                    return []
                while self._jobs and (not taken or tiles + self._jobs[0].count <= self._max_batch):
                    job = self._jobs.popleft()
                    taken.append(job)
                    tiles += job.count
            if live := [job for job in taken if self._start(job)]:
                return live

    def _start(self, job: Job) -> bool:
        if not job.future.set_running_or_notify_cancel():
            return False  # cancelled: its callback has given its room back
        with self._work:
            self._held -= job.count
        if job.deadline is not None and time.monotonic() > job.deadline:
            job.future.set_exception(ExpiredError())
            return False
        return True

    def _run(self, jobs: Sequence[Job]) -> None:
        started = time.monotonic_ns()
        arrays = [job.tiles for job in jobs if job.tiles is not None]
        try:
            vectors, bad, times = self._embed(arrays[0] if len(arrays) == 1 else np.concatenate(arrays))
        except Exception as e:
            if len(jobs) > 1:  # which of them it was shows when each runs alone
                log.warning("a batch of %d requests failed, each is run alone: %s: %s", len(jobs), type(e).__name__, e)
                for job in jobs:
                    self._run([job])
                return
            log.exception("the model failed")
            jobs[0].future.set_exception(e)
            return
        count = sum(job.count for job in jobs)
        self._note_run(jobs, count, times)
        at = 0
        for job in jobs:
            fault = next(((i, bad[i]) for i in range(at, at + job.count) if i in bad), None)
            if fault:
                job.future.set_exception(TileError(fault[0] - at, fault[1]))
            else:
                job.future.set_result(Result(vectors[at : at + job.count], started - job.queued_ns, times))
            at += job.count

    def _embed(self, tiles: Tiles) -> tuple[Vectors, dict[int, str], Times]:
        t0 = time.monotonic_ns()
        batch: Any = self._engine.preprocess(tiles)
        t1 = time.monotonic_ns()
        out: Any = self._engine.forward(batch)
        t2 = time.monotonic_ns()
        vectors = self._engine.postprocess(out)
        bad = faults(vectors, len(tiles), self._engine.manifest.dim)
        return vectors, bad, Times(t1 - t0, t2 - t1, time.monotonic_ns() - t2)

    def _note_run(self, jobs: Sequence[Job], count: int, times: Times) -> None:
        per_tile = (times.input + times.infer + times.output) / 1e9 / count
        old = self._seconds_per_tile or per_tile
        self._seconds_per_tile = old + NEW_SHARE * (per_tile - old)
        self.last_run = time.monotonic()
        models: Counter[str] = Counter()
        for job in jobs:
            models[job.model] += job.count
        del models[""]  # of probes
        if self._ran and models:
            self._ran(models, times)
