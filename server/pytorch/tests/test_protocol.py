"""The wire contract, by a real client over a real connection, against the sim engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from served import Served, blobs, encoded_request, picture, raw_request, serving, tensor, vectors_of

from dupfind_server.engines import embed
from dupfind_server.engines.sim import SimEngine
from dupfind_server.inference import inference_pb2 as pb
from dupfind_server.manifest import parse_manifest

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


def test_raw_tiles_get_the_engines_vectors(sim: Served) -> None:
    tiles = blobs(5)
    answer = sim.infer(raw_request(tiles, request_id="the id"))
    vectors = vectors_of(answer)
    assert (answer.id, answer.model_name) == ("the id", "sim")
    assert np.array_equal(vectors, embed(SimEngine(), tiles))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_encoded_tiles_get_the_vectors_of_raw_ones(sim: Served, kind: str) -> None:
    tiles = blobs(6)
    assert np.array_equal(sim.embed_encoded([picture(t, kind) for t in tiles]), sim.embed(tiles))


def test_jpeg_tiles_are_decoded(sim: Served) -> None:
    tiles = blobs(2)
    vectors = sim.embed_encoded([picture(t, "JPEG", quality=95, subsampling=0) for t in tiles])
    assert (np.sum(vectors * sim.embed(tiles), axis=1) > 0.99).all()


@pytest.mark.parametrize("count", [1, 2, 63, 64])
def test_each_count_up_to_the_limit(sim: Served, count: int) -> None:
    tiles = np.repeat(blobs(1), count, axis=0)
    tiles[-1] = 7
    vectors = sim.embed(tiles)
    assert vectors.shape == (count, 512)
    assert np.array_equal(vectors[-1:], sim.embed(tiles[-1:]))


def with_input(**change: Any) -> Callable[[], pb.ModelInferRequest]:
    def make() -> pb.ModelInferRequest:
        request = raw_request(blobs(2))
        for key, value in change.items():
            if key == "shape":
                del request.inputs[0].shape[:]
                request.inputs[0].shape.extend(value)
            else:
                setattr(request.inputs[0], key, value)
        return request

    return make


def with_request(**change: Any) -> Callable[[], pb.ModelInferRequest]:
    def make() -> pb.ModelInferRequest:
        request = raw_request(blobs(2))
        for key, value in change.items():
            if isinstance(value, list):
                request.ClearField(key)
                getattr(request, key).extend(value)
            else:
                setattr(request, key, value)
        return request

    return make


def typed() -> pb.ModelInferRequest:
    request = raw_request(blobs(1))
    request.inputs[0].contents.uint_contents.extend([1, 2, 3])
    return request


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        pytest.param(with_request(model_name="other"), NOT_FOUND, ["'other'", "sim, sim_encoded"], id="unknown model"),
        pytest.param(with_request(model_version="2"), NOT_FOUND, ["version '2'"], id="unknown version"),
        pytest.param(with_input(name="img"), INVALID, ["'img'", "'image'"], id="input name"),
        pytest.param(with_input(datatype="FP32"), INVALID, ["'FP32'", "UINT8"], id="input type"),
        pytest.param(with_input(shape=[2, 223, 224, 3]), INVALID, ["[2, 223, 224, 3]", "[n, 224, 224, 3]"], id="size"),
        pytest.param(with_input(shape=[2, 224, 224, 4]), INVALID, ["[n, 224, 224, 3]"], id="channels"),
        pytest.param(with_input(shape=[2, 224, 672]), INVALID, ["[n, 224, 224, 3]"], id="rank"),
        pytest.param(with_input(shape=[]), INVALID, ["[]"], id="no shape"),
        pytest.param(with_input(shape=[0, 224, 224, 3]), INVALID, ["0 tiles", "1 to 64"], id="no tiles"),
        pytest.param(with_input(shape=[-1, 224, 224, 3]), INVALID, ["-1 tiles"], id="negative count"),
        pytest.param(with_input(shape=[65, 224, 224, 3]), INVALID, ["65 tiles", "1 to 64"], id="too many tiles"),
        pytest.param(with_input(shape=[1 << 62, 224, 224, 3]), INVALID, ["1 to 64"], id="huge count"),
        pytest.param(with_input(shape=[1, 224, 224, 3]), INVALID, ["301056 bytes", "150528"], id="more bytes than shape"),
        pytest.param(with_input(shape=[3, 224, 224, 3]), INVALID, ["301056 bytes", "451584"], id="fewer bytes than shape"),
        pytest.param(with_request(inputs=[]), INVALID, ["0 inputs"], id="no input"),
        pytest.param(with_request(raw_input_contents=[]), INVALID, ["0 raw_input_contents"], id="no contents"),
        pytest.param(with_request(raw_input_contents=[b"", b""]), INVALID, ["2 raw_input_contents"], id="two contents"),
        pytest.param(
            with_request(outputs=[pb.ModelInferRequest.InferRequestedOutputTensor(name="logits")]),
            INVALID,
            ["'logits'", "'embedding'"],
            id="unknown output",
        ),
        pytest.param(typed, INVALID, ["raw_input_contents"], id="typed contents"),
    ],
)
def test_bad_request_says_what_is_wrong(
    sim: Served, make: Callable[[], pb.ModelInferRequest], code: grpc.StatusCode, words: list[str]
) -> None:
    got, details = sim.refused(make())
    assert got == code
    assert all(word in details for word in words), details
    assert sim.embed(blobs(1)).shape == (1, 512)  # the server goes on


def test_asking_for_the_output_by_name_is_allowed(sim: Served) -> None:
    request = raw_request(blobs(1))
    request.outputs.add(name="embedding")
    assert vectors_of(sim.infer(request)).shape == (1, 512)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        pytest.param(b"not a picture", ["cannot be decoded"], id="garbage"),
        pytest.param(b"", ["cannot be decoded"], id="empty"),
        pytest.param(picture(blobs(1)[0])[:2000], ["cannot be decoded"], id="cut off"),
        pytest.param(picture(blobs(1, 223)[0]), ["223 x 223", "224 x 224"], id="size"),
        pytest.param(picture(np.zeros((224, 224, 4), np.uint8) + 9), ["mode RGBA"], id="alpha"),
        pytest.param(picture(blobs(1)[0], "GIF"), ["cannot be decoded"], id="another format"),
    ],
)
def test_poison_tile_is_named(sim: Served, bad: bytes, words: list[str]) -> None:
    good = [picture(t) for t in blobs(5)]
    code, details = sim.refused(encoded_request([*good[:3], bad, *good[3:]]))
    assert code == INVALID
    assert details.startswith("tile 3: ")
    assert all(word in details for word in words), details


def test_declared_size_is_checked_before_decoding(sim: Served) -> None:
    """A PNG of a few bytes that declares 60,000 x 60,000 pixels would be 10 GB."""
    bomb = bytearray(picture(blobs(1)[0], "PNG"))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    import zlib  # noqa: PLC0415 -- for the chunk's checksum alone

    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    code, details = sim.refused(encoded_request([bytes(bomb)]))
    assert code == INVALID
    assert details.startswith("tile 0: ")


@pytest.mark.parametrize(
    ("raw", "shape", "words"),
    [
        pytest.param(b"\x05\0\0\0abc", (1, 1), ["tile 0", "says 5 bytes, 3 are left"], id="element longer than the rest"),
        pytest.param(b"\x05\0", (1, 1), ["tile 0", "cut off"], id="length cut off"),
        pytest.param(b"\0\0\0\0", (2, 1), ["1 elements", "says 2"], id="fewer elements than shape"),
        pytest.param(b"\0\0\0\0" * 3, (2, 1), ["more than the 2"], id="more elements than shape"),
        pytest.param(b"\xff\xff\xff\xff", (1, 1), ["says 4294967295 bytes"], id="huge length"),
        pytest.param(b"\0\0\0\0", (1,), ["[n, 1]"], id="rank"),
        pytest.param(b"\0\0\0\0", (1, 2), ["[n, 1]"], id="columns"),
    ],
)
def test_bad_element_lengths(sim: Served, raw: bytes, shape: tuple[int, ...], words: list[str]) -> None:
    request = pb.ModelInferRequest(model_name="sim_encoded", inputs=[tensor("BYTES", shape)], raw_input_contents=[raw])
    code, details = sim.refused(request)
    assert code == INVALID
    assert all(word in details for word in words), details


def test_message_over_the_limit_is_refused() -> None:
    with serving(max_message_bytes=1 << 20) as served:
        code, details = served.refused(raw_request(blobs(8)))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in details
        assert served.embed(blobs(2)).shape == (2, 512)


def test_metadata_of_both_names(sim: Served) -> None:
    raw = sim.stub.ModelMetadata(pb.ModelMetadataRequest(name="sim"))
    encoded = sim.stub.ModelMetadata(pb.ModelMetadataRequest(name="sim_encoded", version="1"))
    assert [(t.name, t.datatype, list(t.shape)) for t in raw.inputs] == [("image", "UINT8", [-1, 224, 224, 3])]
    assert [(t.name, t.datatype, list(t.shape)) for t in encoded.inputs] == [("image", "BYTES", [-1, 1])]
    for answer in (raw, encoded):
        assert [(t.name, t.datatype, list(t.shape)) for t in answer.outputs] == [("embedding", "FP32", [-1, 512])]


@pytest.mark.parametrize(
    ("method", "request_type"),
    [
        ("ModelMetadata", pb.ModelMetadataRequest),
        ("ModelConfig", pb.ModelConfigRequest),
        ("ModelReady", pb.ModelReadyRequest),
        ("ModelStatistics", pb.ModelStatisticsRequest),
    ],
)
def test_unknown_model_is_not_found(sim: Served, method: str, request_type: Any) -> None:
    with pytest.raises(grpc.RpcError) as error:
        getattr(sim.stub, method)(request_type(name="no\x1bsuch"))
    assert error.value.code() == NOT_FOUND
    assert "'no\\x1bsuch'" in str(error.value.details())


def test_config_tells_the_manifest_and_what_runs_it(sim: Served) -> None:
    config = sim.stub.ModelConfig(pb.ModelConfigRequest(name="sim")).config
    assert config.max_batch_size == 64
    assert parse_manifest(config.parameters["dupfind_manifest"].string_value) == SimEngine().manifest
    assert config.parameters["dupfind_weights"].string_value == "trained"
    environment = json.loads(config.parameters["dupfind_environment"].string_value)
    assert environment["engine"] == "sim"
    assert environment["server"].startswith("dupfind-server ")
    assert {"precision", "device", "gpu", "driver", "python"} <= set(environment)
    assert all(isinstance(value, str) for value in environment.values())


def test_repository_index_lists_both_names(sim: Served) -> None:
    for ready in (False, True):
        models = sim.stub.RepositoryIndex(pb.RepositoryIndexRequest(ready=ready)).models
        assert [(m.name, m.version, m.state) for m in models] == [("sim", "1", "READY"), ("sim_encoded", "1", "READY")]


def test_server_metadata_and_liveness(sim: Served) -> None:
    metadata = sim.stub.ServerMetadata(pb.ServerMetadataRequest())
    assert metadata.name == "dupfind-server"
    assert "statistics" in metadata.extensions
    assert sim.stub.ServerLive(pb.ServerLiveRequest()).live
    assert sim.stub.ServerReady(pb.ServerReadyRequest()).ready
    assert sim.stub.ModelReady(pb.ModelReadyRequest(name="sim_encoded")).ready


def test_statistics_count_as_triton_does() -> None:
    with serving() as served:
        served.embed(blobs(3))
        served.embed(blobs(5))
        served.embed_encoded([picture(t) for t in blobs(2)])
        served.refused(raw_request(blobs(1, 100)))
        answer = served.stub.ModelStatistics(pb.ModelStatisticsRequest())
    raw, encoded = answer.model_stats
    assert (raw.name, raw.inference_count, raw.execution_count) == ("sim", 8, 2)
    assert (encoded.name, encoded.inference_count, encoded.execution_count) == ("sim_encoded", 2, 1)
    stats = raw.inference_stats
    assert (stats.success.count, stats.fail.count, stats.queue.count, stats.compute_infer.count) == (2, 1, 2, 2)
    assert stats.compute_infer.ns >= 14e6  # 2 runs of 5 ms, 8 tiles of 0.5 ms
    parts = stats.queue.ns + stats.compute_input.ns + stats.compute_infer.ns + stats.compute_output.ns
    assert 0 < parts <= stats.success.ns
    assert encoded.inference_stats.compute_input.ns > 1000  # decoding is in it
