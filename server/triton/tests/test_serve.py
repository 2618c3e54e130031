"""The real Triton, by run.sh, on what export.py writes; and what a client sees of it."""

from __future__ import annotations

import contextlib
import io
import json
import platform
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import export
from dupfind_server.engines import Engine, EngineSettings, embed, load
from dupfind_server.inference import inference_pb2 as pb
from dupfind_server.inference import inference_pb2_grpc as rpc
from dupfind_server.manifest import parse_manifest

RUN = Path(export.HERE) / "run.sh"
SIZE, DIM = 224, 512
READY_SECONDS = 60
CALL_SECONDS = 30

pytestmark = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="this Triton runs on Linux on x86-64 only"
)


def free_ports(n: int) -> list[int]:
    """Find ports that nobody has now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]


@contextlib.contextmanager
def served(repository: Path, *options: str) -> Iterator[tuple[rpc.GRPCInferenceServiceStub, int]]:
    """Serve a repository for the length of a block; give a client, and the port of HTTP."""
    grpc_port, http_port, metrics_port = free_ports(3)
    log = repository.parent / "triton.log"
    ports = ["--grpc-port", str(grpc_port), "--http-port", str(http_port), "--metrics-port", str(metrics_port)]
    with (
        log.open("wb") as out,
        subprocess.Popen([RUN, "--repository", repository, *ports, *options], stdout=out, stderr=out) as p,
    ):
        try:
            await_ready(p, http_port, log)
            size = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]
            with grpc.insecure_channel(f"127.0.0.1:{grpc_port}", options=size) as channel:
                yield rpc.GRPCInferenceServiceStub(channel), http_port  # type: ignore[no-untyped-call]
        finally:
            p.terminate()


def await_ready(p: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while p.poll() is None and time.monotonic() < end:
        if status(f"http://127.0.0.1:{port}/v2/health/ready") == 200:
            return
        time.sleep(0.02)
    pytest.fail(f"Triton is not ready (exit status {p.poll()}):\n{log.read_text(errors='replace')[-3000:]}")


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as e:
        return e.code
    except OSError:
        return 0


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[rpc.GRPCInferenceServiceStub, int]]:
    """Serve the pretend model once for all tests of this file that only ask."""
    repository = tmp_path_factory.mktemp("sim") / "models"
    assert export.main(["--repository", str(repository), "--engine", "sim", "--decoders", "1"]) == 0
    with served(repository) as client:
        yield client


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Run the same model here, to compare."""
    e = load(EngineSettings(engine="sim"))
    yield e
    e.close()


def photos(n: int, seed: int = 1) -> npt.NDArray[np.uint8]:
    """Give smooth tiles."""
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 7, 7, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(c).resize((SIZE, SIZE), Image.Resampling.BICUBIC)) for c in coarse])


def webp(tile: npt.NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(tile).save(out, "WEBP", lossless=True, method=0, exact=True)
    return out.getvalue()


def raw(tiles: npt.NDArray[np.uint8], model: str = "sim") -> pb.ModelInferRequest:
    given = pb.ModelInferRequest.InferInputTensor(name="image", datatype="UINT8", shape=tiles.shape)
    return pb.ModelInferRequest(model_name=model, id="r1", inputs=[given], raw_input_contents=[tiles.tobytes()])


def encoded(elements: list[bytes], model: str = "sim_encoded") -> pb.ModelInferRequest:
    given = pb.ModelInferRequest.InferInputTensor(name="image", datatype="BYTES", shape=[len(elements), 1])
    data = b"".join(struct.pack("<I", len(e)) + e for e in elements)
    return pb.ModelInferRequest(model_name=model, id="e1", inputs=[given], raw_input_contents=[data])


def vectors(answer: pb.ModelInferResponse) -> npt.NDArray[np.float32]:
    (out,) = answer.outputs
    assert (out.name, out.datatype) == ("embedding", "FP32")
    return np.frombuffer(answer.raw_output_contents[0], "<f4").reshape(out.shape)


def test_vectors_are_the_engines(sim: tuple[rpc.GRPCInferenceServiceStub, int], engine: Engine) -> None:
    tiles = photos(64)
    want = embed(engine, tiles)
    answer = sim[0].ModelInfer(raw(tiles), timeout=CALL_SECONDS)
    assert answer.id == "r1"
    assert np.array_equal(vectors(answer), want)
    answer = sim[0].ModelInfer(encoded([webp(t) for t in tiles]), timeout=CALL_SECONDS)
    assert answer.id == "e1"
    assert np.array_equal(vectors(answer), want)


def test_sscd_gives_the_same_bits_raw_and_encoded(tmp_path: Path) -> None:
    assert export.main(["--repository", str(tmp_path / "models")]) == 0
    tiles = photos(9)
    local = load(EngineSettings())
    with served(tmp_path / "models") as (stub, _):
        for request in (raw(tiles, "sscd"), encoded([webp(t) for t in tiles], "sscd_encoded")):
            assert np.array_equal(vectors(stub.ModelInfer(request, timeout=CALL_SECONDS)), embed(local, tiles))
    local.close()


def test_a_bad_tile_fails_its_own_request_only(sim: tuple[rpc.GRPCInferenceServiceStub, int], engine: Engine) -> None:
    tiles = photos(8)
    good = [webp(t) for t in tiles]
    small = io.BytesIO()
    Image.fromarray(tiles[0, :100, :100]).save(small, "PNG")
    bad = {5: good[3][:300], 9: b"", 12: b"<html>", 14: small.getvalue()}  # by request; each is its fourth tile

    def ask(i: int) -> pb.ModelInferResponse | grpc.RpcError:
        elements = [*good[:3], bad.get(i, good[3]), *good[4:]]
        try:
            answer: pb.ModelInferResponse = sim[0].ModelInfer(encoded(elements), timeout=CALL_SECONDS)
        except grpc.RpcError as e:
            return e
        return answer

    before = runs(sim[0], "sim_encoded")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    want = embed(engine, tiles)
    for i, answer in enumerate(answers):
        if i in bad:
            assert isinstance(answer, grpc.RpcError)
            assert answer.code() == grpc.StatusCode.INVALID_ARGUMENT, answer
            assert str(answer.details()).startswith("tile 3: "), answer
        else:
            assert isinstance(answer, pb.ModelInferResponse), answer
            assert np.array_equal(vectors(answer), want)
    assert runs(sim[0], "sim_encoded") - before < len(answers), "no two requests met in one batch: nothing was tested"


def runs(stub: rpc.GRPCInferenceServiceStub, model: str) -> int:
    answer = stub.ModelStatistics(pb.ModelStatisticsRequest(name=model), timeout=CALL_SECONDS)
    return int(answer.model_stats[0].execution_count)


def test_what_it_tells_of_the_model(sim: tuple[rpc.GRPCInferenceServiceStub, int], engine: Engine) -> None:
    stub, _ = sim
    config = stub.ModelConfig(pb.ModelConfigRequest(name="sim"), timeout=CALL_SECONDS).config
    assert (config.name, config.backend, config.max_batch_size) == ("sim", "python", 64)
    assert parse_manifest(config.parameters["dupfind_manifest"].string_value) == engine.manifest
    assert config.parameters["dupfind_weights"].string_value == "trained"
    assert json.loads(config.parameters["dupfind_environment"].string_value)["engine"] == "sim"

    meta = stub.ModelMetadata(pb.ModelMetadataRequest(name="sim"), timeout=CALL_SECONDS)
    assert [(t.name, t.datatype, list(t.shape)) for t in meta.inputs] == [("image", "UINT8", [-1, SIZE, SIZE, 3])]
    assert [(t.name, t.datatype, list(t.shape)) for t in meta.outputs] == [("embedding", "FP32", [-1, DIM])]
    meta = stub.ModelMetadata(pb.ModelMetadataRequest(name="sim_encoded"), timeout=CALL_SECONDS)
    assert [(t.name, t.datatype, list(t.shape)) for t in meta.inputs] == [("image", "BYTES", [-1, 1])]

    index = stub.RepositoryIndex(pb.RepositoryIndexRequest(), timeout=CALL_SECONDS).models
    assert sorted((m.name, m.state) for m in index) == [("sim", "READY"), ("sim_encoded", "READY")]
    with pytest.raises(grpc.RpcError) as e:
        stub.ModelMetadata(pb.ModelMetadataRequest(name="nosuch"), timeout=CALL_SECONDS)
    assert e.value.code() == grpc.StatusCode.NOT_FOUND


def test_statistics_count_tiles(sim: tuple[rpc.GRPCInferenceServiceStub, int]) -> None:
    stub, _ = sim
    ask = pb.ModelStatisticsRequest(name="sim")
    before = stub.ModelStatistics(ask, timeout=CALL_SECONDS).model_stats[0]
    stub.ModelInfer(raw(photos(7)), timeout=CALL_SECONDS)
    after = stub.ModelStatistics(ask, timeout=CALL_SECONDS).model_stats[0]
    assert after.inference_count - before.inference_count == 7
    assert after.execution_count - before.execution_count == 1
    took = after.inference_stats.compute_infer.ns - before.inference_stats.compute_infer.ns
    assert took >= 8_500_000  # 5 ms and 7 times 0.5 ms


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (raw(np.zeros((2, 100, 100, 3), np.uint8)), "unexpected shape"),
        (raw(np.zeros((65, SIZE, SIZE, 3), np.uint8)), "batch-size must be <= 64"),
        (encoded([b""] * 65), "batch-size must be <= 64"),
    ],
    ids=["size", "count", "encoded count"],
)
def test_wrong_requests(sim: tuple[rpc.GRPCInferenceServiceStub, int], request_: pb.ModelInferRequest, text: str) -> None:
    with pytest.raises(grpc.RpcError) as e:
        sim[0].ModelInfer(request_, timeout=CALL_SECONDS)
    assert e.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert text in str(e.value.details())


def test_nobody_can_unload_a_model(sim: tuple[rpc.GRPCInferenceServiceStub, int]) -> None:
    url = f"http://127.0.0.1:{sim[1]}/v2/repository/models/sim/unload"
    with pytest.raises(urllib.error.HTTPError), urllib.request.urlopen(urllib.request.Request(url, method="POST")):
        pass
    assert sim[0].ModelReady(pb.ModelReadyRequest(name="sim"), timeout=CALL_SECONDS).ready


def test_token(tmp_path: Path) -> None:
    assert export.main(["--repository", str(tmp_path / "models"), "--engine", "sim", "--decoders", "0"]) == 0
    (tmp_path / "token").write_text("s3cret-._~+/x\n")
    with served(tmp_path / "models", "--token-file", str(tmp_path / "token")) as (stub, http_port):
        key = "triton-grpc-protocol-dupfind-token"
        stub.ModelInfer(raw(photos(1)), timeout=CALL_SECONDS, metadata=[(key, "s3cret-._~+/x")])
        for metadata in ([], [(key, "")], [(key, "wrong")], [("authorization", "Bearer s3cret-._~+/x")]):
            for call, request in (
                (stub.ModelInfer, raw(photos(1))),
                (stub.ModelMetadata, pb.ModelMetadataRequest(name="sim")),
                (stub.ModelConfig, pb.ModelConfigRequest(name="sim")),
                (stub.RepositoryIndex, pb.RepositoryIndexRequest()),
                (stub.ModelStatistics, pb.ModelStatisticsRequest(name="sim")),
                (stub.ServerReady, pb.ServerReadyRequest()),
            ):
                with pytest.raises(grpc.RpcError) as e:
                    call(request, timeout=CALL_SECONDS, metadata=metadata)
                assert e.value.code() == grpc.StatusCode.UNAVAILABLE
                assert f"expecting header '{key}'" in str(e.value.details())
        assert status(f"http://127.0.0.1:{http_port}/v2/health/ready") == 200
        assert status(f"http://127.0.0.1:{http_port}/v2/models/sim") == 403


def test_repository_of_another_model_is_refused(tmp_path: Path) -> None:
    assert export.main(["--repository", str(tmp_path / "models"), "--engine", "sim", "--decoders", "0"]) == 0
    config = tmp_path / "models/sim/config.pbtxt"
    config.write_text(config.read_text().replace('\\"tile_size\\": 224', '\\"tile_size\\": 225'))
    with pytest.raises(pytest.fail.Exception), served(tmp_path / "models"):
        pass
    assert "run export.py again" in (tmp_path / "triton.log").read_text(errors="replace")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give --repository"),
        (["--repository", "nowhere"], "cannot read nowhere"),
        (["--repository", ".", "--address", "0.0.0.0"], "needs --token-file"),
        (["--repository", ".", "--tls-cert", "run.sh"], "go together"),
        (["--repository", ".", "--token-file", "/dev/null"], "is empty"),
        (["--repository"], "needs a value"),
        (["--repositories", "."], "usage:"),
    ],
)
def test_run_says_what_is_wrong(options: list[str], message: str) -> None:
    done = subprocess.run([RUN, *options], capture_output=True, text=True, timeout=60, check=False, cwd=export.HERE)
    assert done.returncode in (1, 2)
    assert message in done.stderr
