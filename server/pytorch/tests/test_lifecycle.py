"""The program as a process: ready line, health, shutdown, errors, exit codes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from served import SECONDS, GatedEngine, Served, blobs, picture, raw_request, serving, stub_of, vectors_of

from dupfind_server.engines import SetupError
from dupfind_server.engines.sim import SimEngine
from dupfind_server.inference import inference_pb2 as pb
from dupfind_server.tiles import Tiles

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
READY = re.compile(r"dupfind-server ready grpc=(127\.0\.0\.1:\d+) metrics=(127\.0\.0\.1:\d+) model=sim\n")


def environment(**given: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DUPFIND_")}
    source = str(Path(__file__).resolve().parents[1] / "src")
    return kept | {"PYTHONPATH": source} | given


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "dupfind_server", "--port=0", "--metrics-port=0", *flags]


@contextlib.contextmanager
def process(*flags: str, **env: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Start the program with the sim engine, wait for its ready line, and give its addresses."""
    p = subprocess.Popen(
        command("--engine=sim", *flags),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**env),
    )
    try:
        assert p.stdout
        line = p.stdout.readline()
        match = READY.fullmatch(line)
        assert match, (line, p.stderr and p.stderr.read())
        yield p, match[1], match[2]
    finally:
        p.kill()
        p.communicate()


def test_ready_line_and_ready_file_tell_the_ports(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with process("--ready-file", str(ready)) as (p, address, metrics):
        assert READY.fullmatch(ready.read_text())
        with grpc.insecure_channel(address) as channel:
            assert stub_of(channel).ServerReady(pb.ServerReadyRequest(), timeout=SECONDS).ready
            answer = stub_of(channel).ModelInfer(raw_request(blobs(2)), timeout=SECONDS)
        assert vectors_of(answer).shape == (2, 512)
        with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=SECONDS) as page:
            text = page.read().decode()
        assert 'dupfind_requests_total{code="OK",model="sim"} 1.0' in text
        assert 'dupfind_tiles_total{model="sim"} 2.0' in text
        assert "dupfind_ready 1.0" in text
        p.send_signal(signal.SIGTERM)
        out, err = p.communicate(timeout=SECONDS)
        assert (p.returncode, out, err) == (0, "", "")
        assert not ready.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_shutdown_under_load(number: signal.Signals) -> None:
    with process() as (p, address, _), grpc.insecure_channel(address) as channel:
        stub = stub_of(channel)
        stub.ServerLive(pb.ServerLiveRequest(), timeout=SECONDS)
        calls = [stub.ModelInfer.future(raw_request(blobs(64)), timeout=SECONDS) for _ in range(6)]
        calls[0].result()
        p.send_signal(number)
        codes = [call.code() for call in calls]  # answered, or refused so that the client asks again
        assert codes[0] == grpc.StatusCode.OK
        assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
        assert p.wait(SECONDS) == 0


def test_who_watches_the_health_hears_of_the_shutdown_and_does_not_delay_it() -> None:
    with process("--grace=60") as (p, address, _), grpc.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest())  # a call that never ends by itself
        assert next(watch).status == SERVING
        p.send_signal(signal.SIGTERM)
        assert next(watch).status == NOT_SERVING
        assert p.wait(SECONDS) == 0


def test_taken_port_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for flag, words in ((f"--port={port}", "listen on"), (f"--metrics-port={port}", "for metrics")):
            done = run("--engine=sim", flag)
            assert done.returncode == 1
            assert f"127.0.0.1:{port}" in done.stderr.splitlines()[-1]
            assert words in done.stderr.splitlines()[-1]


def run(*flags: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*flags), capture_output=True, text=True, timeout=SECONDS, env=environment(**env), check=False
    )


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        pytest.param(["--engine=tensorrt"], 2, ["--engine", "'onnx', 'open_clip' or 'sim'"], id="engine"),
        pytest.param(["--max-queue=many"], 2, ["--max-queue", "integer"], id="number"),
        pytest.param(["--max-queue=8"], 2, ["--max-queue 8 is less than --max-batch 64"], id="queue under batch"),
        pytest.param(["--warm-up=1,x"], 2, ["--warm-up"], id="warm-up"),
        pytest.param(["--host=0.0.0.0"], 2, ["0.0.0.0", "--tls-cert", "--token-file", "--insecure"], id="exposed"),
        pytest.param(["--tls-cert=c.pem"], 2, ["--tls-key"], id="certificate without key"),
        pytest.param(["--engine=sim", "--tls-cert=no.pem", "--tls-key=no.pem"], 1, ["no.pem", "No such file"], id="no cert"),
        pytest.param(["--engine=sim", "--token-file=no.txt"], 1, ["no.txt", "No such file"], id="no token file"),
        pytest.param(["--weights=no.onnx"], 1, ["no.onnx", "No such file"], id="no model"),
        pytest.param(["--engine=sim", "extra"], 2, ["extra"], id="argument"),
        pytest.param(["--engin=sim"], 2, ["--engin"], id="abbreviation"),
    ],
)
def test_wrong_usage_is_one_line_and_an_exit_code(flags: list[str], code: int, words: list[str]) -> None:
    done = run(*flags)
    assert done.returncode == code
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert all(word in last for word in words), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["", "two words", "\x1b[31m"], ids=["empty", "space", "control"])
def test_bad_token_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    done = run("--engine=sim", f"--token-file={file}")
    assert done.returncode == 1
    assert "printable ASCII" in done.stderr
    assert text != "two words" or run("--engine=sim", DUPFIND_TOKEN=text).returncode == 1


def test_environment_sets_what_no_flag_does(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    with process(DUPFIND_TOKEN="from-env", DUPFIND_SERVER_MAX_BATCH="4", DUPFIND_SERVER_HOST="") as (_, address, _m):
        assert outcome(address, 1, "from-env") == "OK"
        assert outcome(address, 5, "from-env") == "INVALID_ARGUMENT"
        assert outcome(address, 1, "other") == "UNAUTHENTICATED"
    flags = [f"--token-file={file}", "--max-batch=8"]
    with process(*flags, DUPFIND_TOKEN="from-env", DUPFIND_SERVER_MAX_BATCH="4") as (_, address, _m):
        assert outcome(address, 5, "from-file") == "OK"
        assert outcome(address, 1, "from-env") == "UNAUTHENTICATED"


def outcome(address: str, tiles: int, token: str) -> str:
    with grpc.insecure_channel(address) as channel:
        metadata = (("authorization", f"Bearer {token}"),)
        call = stub_of(channel).ModelInfer.future(raw_request(blobs(tiles)), metadata=metadata, timeout=SECONDS)
        name: str = call.code().name
        return name


class Broken(SimEngine):
    """An engine whose model stops working."""

    broken = False

    def forward(self, batch: Tiles) -> npt.NDArray[np.float32]:
        if self.broken:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return super().forward(batch)


def test_readiness_runs_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dupfind_server.readiness.FRESH_SECONDS", -1.0)
    engine = Broken()
    with serving(engine) as served:
        stub: Any = health_pb2_grpc.HealthStub(served.channel)
        check = health_pb2.HealthCheckRequest(service="inference.GRPCInferenceService")
        watch = stub.Watch(check)
        assert next(watch).status == SERVING
        assert stub.Check(check).status == SERVING
        engine.broken = True
        assert stub.Check(check).status == NOT_SERVING
        assert next(watch).status == NOT_SERVING
        assert not served.stub.ServerReady(pb.ServerReadyRequest()).ready
        assert not served.stub.ModelReady(pb.ModelReadyRequest(name="sim")).ready
        engine.broken = False
        assert stub.Check(check).status == SERVING
        assert served.stub.ServerReady(pb.ServerReadyRequest()).ready
        with pytest.raises(grpc.RpcError) as error:
            stub.Check(health_pb2.HealthCheckRequest(service="other"))
        assert error.value.code() == grpc.StatusCode.NOT_FOUND
        watch.cancel()


def test_health_checks_do_not_load_the_model() -> None:
    engine = GatedEngine()
    engine.open()
    with serving(engine) as served:
        stub: Any = health_pb2_grpc.HealthStub(served.channel)
        for _ in range(20):
            assert stub.Check(health_pb2.HealthCheckRequest()).status == SERVING
        assert engine.batches == [1]  # the warm-up
        counts = served.stub.ModelStatistics(pb.ModelStatisticsRequest(name="sim")).model_stats[0]
        assert counts.execution_count == 0


def test_while_it_warms_up_it_is_not_ready() -> None:
    engine = GatedEngine()
    with contextlib.ExitStack() as stack:
        port = free_port()
        thread = threading.Thread(target=lambda: stack.enter_context(serving(engine, port=port, warm_up=(1, 8))))
        thread.start()
        engine.wait_entered()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub, health = stub_of(channel), health_pb2_grpc.HealthStub(channel)
            assert health.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS).status == NOT_SERVING
            assert stub.ServerLive(pb.ServerLiveRequest()).live
            assert not stub.ServerReady(pb.ServerReadyRequest()).ready
            assert [m.state for m in stub.RepositoryIndex(pb.RepositoryIndexRequest()).models] == ["LOADING"] * 2
            assert not stub.RepositoryIndex(pb.RepositoryIndexRequest(ready=True)).models
            error = stub.ModelInfer.future(raw_request(blobs(1))).exception()
            assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "the server is starting")
            engine.open()
            thread.join(SECONDS)
            assert stub.ServerReady(pb.ServerReadyRequest()).ready
        assert engine.batches[:2] == [1, 8]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as s:
        port: int = s.getsockname()[1]
        return port


def test_a_model_that_cannot_warm_up_is_an_error() -> None:
    engine = Broken()
    engine.broken = True
    with pytest.raises(SetupError, match="cannot embed a batch of 1: RuntimeError: CUDA error"), serving(engine):
        pass


def test_many_clients_at_once(sim: Served) -> None:
    """Raw and encoded requests of all sizes from several threads, each answered with its own vectors."""
    tiles = blobs(12, seed=11)
    want = sim.embed(tiles)
    faults: list[object] = []

    def client(number: int) -> None:
        random = np.random.default_rng(number)
        for _ in range(8):
            chosen = random.integers(0, len(tiles), random.integers(1, 9))
            try:
                encoded = number % 2 == 0
                got = sim.embed_encoded([picture(tiles[i]) for i in chosen]) if encoded else sim.embed(tiles[chosen])
                if not np.array_equal(got, want[chosen]):
                    faults.append((number, chosen))
            except Exception as e:
                faults.append(e)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(SECONDS)
    assert not faults
