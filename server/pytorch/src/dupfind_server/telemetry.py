"""What the server counts: for ModelStatistics as Triton does, and for Prometheus."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as PrometheusCounter

from dupfind_server.batcher import Result, Times
from dupfind_server.inference import inference_pb2 as pb

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
TILES = (1, 2, 4, 8, 16, 32, 48, 64, 128)


@dataclass(slots=True)
class Duration:
    """How often something happened, and the nanoseconds it took in all."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int) -> None:
        """Count one more."""
        self.count += 1
        self.ns += ns

    def message(self) -> pb.StatisticDuration:
        """Give the wire's form."""
        return pb.StatisticDuration(count=self.count, ns=self.ns)


@dataclass(slots=True)
class Counts:
    """One model's counts since the start. A batch's times count for each request in it, as Triton has it."""

    inferences: int = 0  # tiles
    executions: int = 0  # runs of the model
    last_inference_ms: int = 0
    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    queue: Duration = field(default_factory=Duration)
    input: Duration = field(default_factory=Duration)
    infer: Duration = field(default_factory=Duration)
    output: Duration = field(default_factory=Duration)

    def message(self, name: str, version: str) -> pb.ModelStatistics:
        """Give the wire's form."""
        return pb.ModelStatistics(
            name=name,
            version=version,
            last_inference=self.last_inference_ms,
            inference_count=self.inferences,
            execution_count=self.executions,
            inference_stats=pb.InferStatistics(
                success=self.success.message(),
                fail=self.fail.message(),
                queue=self.queue.message(),
                compute_input=self.input.message(),
                compute_infer=self.infer.message(),
                compute_output=self.output.message(),
            ),
        )


class Telemetry:
    """Counts for all models of a server; its methods may be called from any thread."""

    def __init__(self, models: tuple[str, ...]) -> None:
        self.registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._counts = {name: Counts() for name in models}
        r = self.registry
        self._requests = PrometheusCounter("dupfind_requests", "Requests by status code.", ["model", "code"], registry=r)
        self._tiles = PrometheusCounter("dupfind_tiles", "Tiles embedded and answered.", ["model"], registry=r)
        self._request_time = Histogram(
            "dupfind_request_seconds", "Answered requests, from arrival to answer.", ["model"], registry=r, buckets=SECONDS
        )
        self._queue_time = Histogram("dupfind_queue_seconds", "Time before the model.", registry=r, buckets=SECONDS)
        self._run_time = Histogram("dupfind_model_seconds", "Runs of the model, a batch each.", registry=r, buckets=SECONDS)
        self._batch = Histogram("dupfind_batch_tiles", "Tiles in a run of the model.", registry=r, buckets=TILES)
        self._waiting = Gauge("dupfind_queue_tiles", "Tiles that wait for the model.", registry=r)
        self._ready = Gauge("dupfind_ready", "1 when the server takes requests.", registry=r)

    def watch(self, waiting: Callable[[], float], ready: Callable[[], float]) -> None:
        """Name what tells the gauges' values."""
        self._waiting.set_function(waiting)
        self._ready.set_function(ready)

    def ran(self, models: Counter[str], times: Times) -> None:
        """Count a run of the model, which may hold tiles that came under different names."""
        with self._lock:
            for name, tiles in models.items():
                self._counts[name].executions += 1
                self._counts[name].inferences += tiles
        self._batch.observe(models.total())
        self._run_time.observe((times.input + times.infer + times.output) / 1e9)

    def answered(self, model: str, result: Result, decode_ns: int, total_ns: int) -> None:
        """Count a request that got its vectors. Decoding its tiles is part of its input."""
        with self._lock:
            c = self._counts[model]
            c.last_inference_ms = time.time_ns() // 1_000_000
            c.success.add(total_ns)
            c.queue.add(result.queue_ns)
            c.input.add(decode_ns + result.run.input)
            c.infer.add(result.run.infer)
            c.output.add(result.run.output)
        self._requests.labels(model, "OK").inc()
        self._tiles.labels(model).inc(len(result.vectors))
        self._request_time.labels(model).observe(total_ns / 1e9)
        self._queue_time.observe(result.queue_ns / 1e9)

    def failed(self, model: str, code: str, total_ns: int) -> None:
        """Count a request that was refused, cancelled or failed; names that are not the server's are counted together."""
        with self._lock:
            if model in self._counts:
                self._counts[model].fail.add(total_ns)
            else:
                model = "unknown"
        self._requests.labels(model, code).inc()

    def statistics(self, model: str, version: str) -> pb.ModelStatistics:
        """Give one model's counts."""
        with self._lock:
            return self._counts[model].message(model, version)
