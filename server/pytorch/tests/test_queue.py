"""How requests wait, merge, are refused and dropped; a gate before the model makes each case happen for certain."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import pytest
from served import SECONDS, GatedEngine, Served, blobs, encoded_request, picture, raw_request, serving, vectors_of

from dupfind_server.batcher import Batcher
from dupfind_server.engines import embed
from dupfind_server.engines.sim import SimEngine
from dupfind_server.inference import inference_pb2 as pb
from dupfind_server.tiles import Tiles


@contextlib.contextmanager
def standing(engine: GatedEngine | None = None, **given: Any) -> Iterator[tuple[GatedEngine, Served]]:
    """Serve with one run of one tile standing in the model, until engine.open() lets all through."""
    engine = engine or GatedEngine()
    engine.gate.release()  # for the warm-up
    with serving(engine, **given) as served:
        engine.wait_entered()
        first = served.send(raw_request(blobs(1)))
        engine.wait_entered()
        try:
            yield engine, served
        finally:
            engine.open()
        first.exception()


def eventually(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def waiting(served: Served) -> float:
    """Read how many tiles wait from the metrics page."""
    import urllib.request  # noqa: PLC0415 -- here alone

    with urllib.request.urlopen(f"http://{served.addresses.metrics}/metrics", timeout=SECONDS) as page:
        lines = page.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("dupfind_queue_tiles "))


def test_what_waits_becomes_one_batch() -> None:
    with standing() as (engine, served):
        tiles = blobs(9, seed=2)
        rest = [served.send(raw_request(tiles[i : i + 2])) for i in range(0, 6, 2)]
        rest.append(served.send(encoded_request([picture(t) for t in tiles[6:]])))
        eventually(lambda: waiting(served) == 9)
        engine.open()
        got = np.concatenate([vectors_of(r.result()) for r in rest])
        assert engine.batches == [1, 1, 9]
        assert np.array_equal(np.sort(got, axis=0), np.sort(embed(SimEngine(), tiles), axis=0))
        raw, encoded = served.stub.ModelStatistics(pb.ModelStatisticsRequest()).model_stats
        assert (raw.inference_count, raw.execution_count) == (7, 2)
        assert (encoded.inference_count, encoded.execution_count) == (3, 1)


def test_each_request_of_a_batch_gets_its_own_vectors() -> None:
    with standing() as (engine, served):
        tiles = blobs(10, seed=3)
        spans = [(0, 1), (1, 4), (4, 6), (6, 10)]
        calls = [served.send(raw_request(tiles[a:b], request_id=f"{a}")) for a, b in spans]
        eventually(lambda: waiting(served) == 10)
        engine.open()
        for (a, b), call in zip(spans, calls, strict=True):
            assert call.result().id == f"{a}"
            assert np.array_equal(vectors_of(call.result()), embed(SimEngine(), tiles[a:b]))
        assert engine.batches[-1] == 10


def test_a_batch_stays_within_the_limit() -> None:
    with standing(max_batch=16) as (engine, served):
        calls = [served.send(raw_request(blobs(6))) for _ in range(4)]
        eventually(lambda: waiting(served) == 24)
        engine.open()
        for call in calls:
            call.result()
        assert engine.batches == [1, 1, 12, 12]


def test_a_lone_request_does_not_wait_for_others(sim: Served) -> None:
    sim.embed(blobs(1))
    request = raw_request(blobs(1))
    least = min(timed(sim, request) for _ in range(20))
    assert least < 0.0055 + 0.02  # the engine's own time, and the way there and back on a busy machine


def timed(served: Served, request: pb.ModelInferRequest) -> float:
    start = time.perf_counter()
    served.infer(request)
    return time.perf_counter() - start


def test_full_queue_pushes_back() -> None:
    with standing(max_queue=64) as (engine, served):
        calls = [served.send(raw_request(blobs(32))) for _ in range(2)]
        eventually(lambda: waiting(served) == 64)
        for request in (raw_request(blobs(1)), encoded_request([picture(blobs(1)[0])])):
            error = served.send(request).exception()
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "the queue is full" in error.details()
            assert 10 <= int(dict(error.trailing_metadata())["grpc-retry-pushback-ms"]) <= 5000
        engine.open()
        for call in calls:
            call.result()
        assert served.embed(blobs(4)).shape == (4, 512)
        assert waiting(served) == 0


@pytest.mark.parametrize("how", ["cancelled", "expired"])
def test_a_request_given_up_while_it_waits_never_reaches_the_model(how: str) -> None:
    with standing(max_queue=64) as (engine, served):
        given_up = served.send(raw_request(blobs(50)), timeout=SECONDS if how == "cancelled" else 0.3)
        eventually(lambda: waiting(served) == 50)
        if how == "cancelled":
            given_up.cancel()
        with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
            given_up.result()
        eventually(lambda: waiting(served) == 0)  # its room is free again, although the model still stands
        last = served.send(raw_request(blobs(40)))
        eventually(lambda: waiting(served) == 40)
        engine.open()
        last.result()
        assert engine.batches == [1, 1, 40]


class Brittle(SimEngine):
    """Fails on a batch that holds a black tile, as a GPU may on a poison one, and has no direction for a white one."""

    def forward(self, batch: Tiles) -> npt.NDArray[np.float32]:
        if (batch.reshape(len(batch), -1).max(axis=1) == 0).any():
            raise RuntimeError("device-side assert")
        out = super().forward(batch)
        out[batch.reshape(len(batch), -1).min(axis=1) == 255] = 0
        return out


class GatedBrittle(GatedEngine, Brittle):
    """Both."""


def test_a_poison_request_does_not_harm_its_neighbours() -> None:
    with standing(GatedBrittle()) as (engine, served):
        good, other = blobs(3, seed=5), blobs(2, seed=6)
        black, white = blobs(2, seed=7), blobs(4, seed=8)
        black[1], white[2] = 0, 255
        calls = [served.send(raw_request(t)) for t in (good, black, other)]
        eventually(lambda: waiting(served) == 7)
        engine.open()
        assert np.array_equal(vectors_of(calls[0].result()), embed(SimEngine(), good))
        assert np.array_equal(vectors_of(calls[2].result()), embed(SimEngine(), other))
        assert calls[1].exception().code() == grpc.StatusCode.INTERNAL
        assert "RuntimeError" in calls[1].exception().details()
        code, details = served.refused(raw_request(white))
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert details.startswith("tile 2: ")


def test_a_tile_without_direction_leaves_the_rest_of_its_batch_alone() -> None:
    with standing(GatedBrittle()) as (engine, served):
        good, bad = blobs(3, seed=5), blobs(4, seed=8)
        bad[1] = 255
        calls = [served.send(raw_request(t)) for t in (good, bad, good)]
        eventually(lambda: waiting(served) == 10)
        engine.open()
        assert np.array_equal(vectors_of(calls[0].result()), embed(SimEngine(), good))
        assert np.array_equal(vectors_of(calls[2].result()), embed(SimEngine(), good))
        assert calls[1].exception().details().startswith("tile 1: ")
        assert engine.batches == [1, 1, 10]


def test_shutdown_answers_what_waits_and_takes_nothing_new() -> None:
    with standing() as (engine, served):
        tiles = blobs(9, seed=4)
        calls = [served.send(raw_request(tiles[i : i + 3])) for i in range(0, 9, 3)]
        eventually(lambda: waiting(served) == 9)
        served.stop()
        eventually(lambda: served.send(raw_request(blobs(1)), timeout=0.5).code() == grpc.StatusCode.UNAVAILABLE)
        assert not any(call.done() for call in calls)
        engine.open()
        assert np.array_equal(np.concatenate([vectors_of(c.result()) for c in calls]), embed(SimEngine(), tiles))


def test_after_the_grace_what_still_runs_is_ended() -> None:
    with standing(grace=0.2) as (engine, served):
        call = served.send(raw_request(blobs(2)))
        eventually(lambda: waiting(served) == 2)
        served.stop()
        assert call.exception().code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        engine.open()


def test_a_second_signal_ends_what_still_runs() -> None:
    with standing(grace=60) as (engine, served):
        call = served.send(raw_request(blobs(2)))
        eventually(lambda: waiting(served) == 2)
        served.stop()
        with pytest.raises(grpc.FutureTimeoutError):
            call.exception(timeout=0.3)
        served.hurry()
        assert call.exception(timeout=SECONDS).code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        engine.open()


def test_closing_refuses_what_waits() -> None:
    engine = GatedEngine()
    batcher = Batcher(engine, 64, 512)
    running = batcher.submit(batcher.admit("sim", 1), blobs(1))
    engine.wait_entered()
    left = batcher.submit(batcher.admit("sim", 2), blobs(2))
    closer = threading.Thread(target=batcher.close)
    closer.start()
    assert type(left.exception(SECONDS)).__name__ == "ClosedError"
    engine.open()
    assert running.result(SECONDS).vectors.shape == (1, 512)
    closer.join(SECONDS)
    assert batcher.waiting == 0
