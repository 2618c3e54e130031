"""The server's life: listen, warm up, be ready, drain, end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
from grpc import aio
from grpc_health.v1 import health_pb2_grpc
from prometheus_client import CollectorRegistry, start_http_server

from dupfind_server.auth import TokenInterceptor
from dupfind_server.batcher import Batcher
from dupfind_server.engines.base import Engine, embed, usable_cores
from dupfind_server.errors import SetupError
from dupfind_server.health import HealthServicer
from dupfind_server.inference import inference_pb2_grpc as rpc
from dupfind_server.readiness import Readiness, State
from dupfind_server.requests import Model
from dupfind_server.servicer import InferenceServicer
from dupfind_server.settings import Settings, is_loopback, join_host_port
from dupfind_server.telemetry import Telemetry

log = logging.getLogger(__name__)

ENCODED_SUFFIX = "_encoded"
LINGER_SECONDS = 0.5  # for answers on their way when the grace is over
KEEPALIVE_SECONDS = 30
PING_SECONDS = 10  # clients may ask as often as this whether the connection lives


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the server listens, with the ports that the system gave."""

    grpc: str
    metrics: str


async def serve(settings: Settings, engine: Engine, say: Callable[[str], None] | None = None) -> None:
    """Run until SIGTERM or SIGINT, then let running requests finish; a second signal ends them.

    One line, by say (standard output), tells when the server is ready and where it listens.
    """
    say = say or _print_line
    stop = asyncio.Event()
    hurry = asyncio.Event()

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    async with running(settings, engine, stop=stop, hurry=hurry) as addresses:
        if not stop.is_set():
            name = engine.manifest.name
            line = f"dupfind-server ready grpc={addresses.grpc} metrics={addresses.metrics} model={name}"
            with _ready_file(settings.ready_file, line):
                say(line)
                await stop.wait()


@contextlib.asynccontextmanager
async def running(
    settings: Settings, engine: Engine, *, stop: asyncio.Event | None = None, hurry: asyncio.Event | None = None
) -> AsyncIterator[Addresses]:
    """Run a server for the length of a block. When stop is set while it warms up, the block begins at once."""
    m = engine.manifest
    models = tuple(
        Model(m.name + suffix, bool(suffix), m.tile_size, m.dim, settings.max_batch) for suffix in ("", ENCODED_SUFFIX)
    )
    telemetry = Telemetry(tuple(model.name for model in models))
    batcher = Batcher(engine, settings.max_batch, settings.max_queue, telemetry.ran)
    readiness = Readiness(engine, batcher)
    health = HealthServicer(readiness)
    servicer = InferenceServicer(
        engine, batcher, readiness, telemetry, models, decode_threads=settings.decode_threads or usable_cores()
    )
    telemetry.watch(lambda: batcher.waiting, lambda: readiness.state is State.READY)
    with contextlib.ExitStack() as stack:
        stack.callback(batcher.close)
        stack.callback(servicer.close)
        metrics_port = stack.enter_context(_metrics(settings, telemetry.registry))
        server = _grpc_server(settings)
        rpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        port = _bind(server, settings)
        await health.update()
        await server.start()
        try:
            await _warm_up(engine, settings, stop)
            batcher.last_run = time.monotonic()
            readiness.state = State.READY
            await health.update()
            yield Addresses(join_host_port(settings.host, port), join_host_port(settings.metrics_host, metrics_port))
        finally:
            readiness.state = State.STOPPING
            await _shut_down(server, servicer, health, settings.grace, hurry or asyncio.Event())


async def _shut_down(
    server: aio.Server, servicer: InferenceServicer, health: HealthServicer, grace: float, hurry: asyncio.Event
) -> None:
    """Answer what is under way, for the grace or until hurry is set.

    Requests that arrive meanwhile are refused by the servicer. Only then gRPC is stopped: it lets those go on that it has
    begun to receive, and cuts off those that it has not.
    """
    end = time.monotonic() + grace
    await health.enter_graceful_shutdown()
    hurried = asyncio.create_task(hurry.wait())
    idle = asyncio.create_task(servicer.idle())
    await asyncio.wait((idle, hurried), timeout=grace, return_when=asyncio.FIRST_COMPLETED)
    idle.cancel()
    await health.end()
    stopping = asyncio.create_task(server.stop(max(end - time.monotonic(), LINGER_SECONDS)))
    await asyncio.wait((stopping, hurried), return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    if not stopping.done():
        await server.stop(0)
    await stopping


async def _warm_up(engine: Engine, settings: Settings, stop: asyncio.Event | None) -> None:
    """Run each batch once, so that no request pays for what a runtime does the first time."""
    size = engine.manifest.tile_size
    tiles = np.random.default_rng(1).integers(0, 256, (max(settings.warm_up, default=1), size, size, 3), np.uint8)
    for count in settings.warm_up or (1,):
        if stop and stop.is_set():
            return
        try:
            await asyncio.to_thread(embed, engine, tiles[:count])
        except Exception as e:
            raise SetupError(f"the model cannot embed a batch of {count}: {type(e).__name__}: {e}") from e


def _grpc_server(settings: Settings) -> aio.Server:
    options = (
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.so_reuseport", 0),  # a second server on the port is an error, not a lottery
        ("grpc.http2.min_recv_ping_interval_without_data_ms", PING_SECONDS * 1000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", KEEPALIVE_SECONDS * 1000),  # a client that fell off the network holds nothing for ever
        ("grpc.keepalive_timeout_ms", KEEPALIVE_SECONDS * 1000),
    )
    interceptors = [TokenInterceptor(settings.token.get_secret_value())] if settings.token else []
    return aio.server(interceptors=interceptors, options=options, maximum_concurrent_rpcs=settings.max_requests)


def _bind(server: aio.Server, settings: Settings) -> int:
    address = join_host_port(settings.host, settings.port)
    try:
        if settings.tls_cert and settings.tls_key:
            pair = settings.tls_key.read_bytes(), settings.tls_cert.read_bytes()
            port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        else:
            port = server.add_insecure_port(address)
            if not is_loopback(settings.host):
                log.warning("listening on %s without TLS: tiles, vectors and any token can be read on the way", address)
    except OSError as e:
        raise SetupError(f"read {e.filename}: {e.strerror}") from e
    except RuntimeError as e:
        raise SetupError(f"listen on {address}: {e}") from e
    if not port:
        raise SetupError(
            f"listen on {address}: the address is taken or not this machine's, or the certificate and key do not fit"
        )
    return port


@contextlib.contextmanager
def _metrics(settings: Settings, registry: CollectorRegistry) -> Iterator[int]:
    address = join_host_port(settings.metrics_host, settings.metrics_port)
    try:
        httpd, thread = start_http_server(settings.metrics_port, settings.metrics_host.strip("[]"), registry)
    except OSError as e:
        raise SetupError(f"listen on {address} for metrics: {e.strerror}") from e
    try:
        yield httpd.server_port
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


@contextlib.contextmanager
def _ready_file(path: Path | None, line: str) -> Iterator[None]:
    """Keep a file for as long as the server is ready; it appears whole."""
    if path is None:
        yield
        return
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(line + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as e:
        raise SetupError(f"write {path}: {e.strerror}") from e
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
