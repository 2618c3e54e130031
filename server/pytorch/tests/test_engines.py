"""The engines by themselves: the small models that embed/local is tested with, the sim engine, and SSCD."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import TINY_MODELS, blobs, encoded_request, picture, raw_request, serving, vectors_of

from dupfind_server.engines import EngineSettings, SetupError, TileError, embed, load
from dupfind_server.engines.base import faults, normalise
from dupfind_server.engines.onnx import sscd as sscd_manifest
from dupfind_server.tiles import Tiles

FLOAT_INPUT = {"type": "float32", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.25, 0.25]}


def tiny(folder: Path, name: str, layout: str, **change: Any) -> EngineSettings:
    """Copy a model of embed/local's tests and write a manifest beside it."""
    model = folder / f"{name}.onnx"
    shutil.copyfile(TINY_MODELS / model.name, model)
    manifest: dict[str, Any] = {
        "name": "tiny",
        "dim": 3,
        "tile_size": 8,
        "input": {"name": "image", "layout": layout, "type": "uint8"},
        "output": "embedding",
        "resampling": "bicubic",
        "normalised": False,
    }
    manifest["input"] |= change.pop("input", {})
    model.with_suffix(".json").write_text(json.dumps(manifest | change))
    return EngineSettings(engine="onnx", weights=model, device="cpu", threads=2)


def flat(*colours: tuple[int, int, int]) -> Tiles:
    tiles = np.empty((len(colours), 8, 8, 3), np.uint8)
    for tile, colour in zip(tiles, colours, strict=True):
        tile[:] = colour
    return tiles


def unit(*x: float) -> list[float]:
    length = math.sqrt(sum(v * v for v in x))
    return [v / length for v in x]


COLOURS = [(30, 0, 40), (0, 255, 0), (255, 255, 255)]
BYTES_WANT = [[0.6, 0, 0.8], [0, 1, 0], unit(1, 1, 1)]
FLOATS_WANT = [unit(30 / 255 * 2 - 1, -2, 40 / 255 * 4 - 2), unit(-1, 2, -2), unit(1, 2, 2)]


@pytest.mark.parametrize(
    ("name", "layout", "given", "want"),
    [
        ("u8_nhwc", "nhwc", {}, BYTES_WANT),
        ("u8_nchw", "nchw", {}, BYTES_WANT),
        ("f32_nhwc", "nhwc", FLOAT_INPUT, FLOATS_WANT),
        ("f32_nchw", "nchw", FLOAT_INPUT, FLOATS_WANT),
        ("one", "nhwc", {}, BYTES_WANT),  # takes one tile at a time, is given three
    ],
)
def test_layouts_and_types_reach_the_model(
    tmp_path: Path, name: str, layout: str, given: dict[str, Any], want: list[list[float]]
) -> None:
    engine = load(tiny(tmp_path, name, layout, input=given))
    assert np.allclose(embed(engine, flat(*COLOURS)), want, atol=1e-6)
    many = flat(*COLOURS * 11)
    assert np.array_equal(embed(engine, many), np.tile(embed(engine, flat(*COLOURS)), (11, 1)))
    engine.close()


@pytest.mark.parametrize(("name", "normalised"), [("unit", True), ("u8_nhwc", False)])
def test_a_tile_without_direction_is_named(tmp_path: Path, name: str, normalised: bool) -> None:
    engine = load(tiny(tmp_path, name, "nhwc", normalised=normalised))
    with pytest.raises(TileError, match="tile 1: ") as error:
        embed(engine, flat((9, 9, 9), (0, 0, 0), (1, 2, 3)))
    assert error.value.index == 1
    with serving(engine) as served:
        code, details = served.refused(raw_request(flat((9, 9, 9), (1, 0, 0), (0, 0, 0)), "tiny"))
        assert (code.name, details[:8]) == ("INVALID_ARGUMENT", "tile 2: ")
        tiles = flat((9, 9, 9), (1, 0, 0))
        assert np.array_equal(vectors_of(served.infer(raw_request(tiles, "tiny"))), embed(engine, tiles))


@pytest.mark.parametrize(
    ("name", "layout", "change", "words"),
    [
        pytest.param("f32_nchw", "nchw", {}, "tensor.float.*manifest says tensor.uint8", id="input type"),
        pytest.param("f16_nchw", "nchw", {"input": FLOAT_INPUT}, "tensor.float16.*manifest says tensor.float", id="float16"),
        pytest.param("u8_nchw", "nhwc", {}, r"\[.*3, 8, 8\].*\[-1, 8, 8, 3\]", id="layout"),
        pytest.param("one", "nhwc", {"tile_size": 16}, r"\[1, 8, 8, 3\].*\[-1, 16, 16, 3\]", id="tile size"),
        pytest.param("four", "nhwc", {}, "batches of 4 only", id="batch of four"),
        pytest.param("u8_nhwc", "nhwc", {"dim": 4}, r"'embedding'.*\[-1, 4\]", id="dim"),
        pytest.param("u8_nhwc", "nhwc", {"output": "logits"}, "no output 'logits'.*'embedding'", id="output name"),
        pytest.param("u8_nhwc", "nhwc", {"input": {"name": "x"}}, "no input 'x'.*'image'", id="input name"),
        pytest.param("u8_nhwc", "nhwc", {"digest": "sha256:" + "0" * 64}, "another or a damaged file", id="digest"),
        pytest.param("u8_nhwc", "nhwc", {"dims": 3}, "unknown field 'dims'", id="manifest"),
    ],
)
def test_a_model_that_is_not_as_its_manifest_says(
    tmp_path: Path, name: str, layout: str, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(SetupError, match=words):
        load(tiny(tmp_path, name, layout, **change))


def test_missing_things_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tiny(tmp_path, "u8_nhwc", "nhwc")
    (tmp_path / "u8_nhwc.json").unlink()
    with pytest.raises(SetupError, match=r"has no manifest: write .*u8_nhwc\.json"):
        load(settings)
    with pytest.raises(SetupError, match=r"gone\.onnx: No such file"):
        load(EngineSettings(weights=tmp_path / "gone.onnx"))
    (tmp_path / "text.onnx").write_text("not a model")
    (tmp_path / "text.json").write_text(sscd_manifest().to_json().replace("86386042", "00000000"))
    with pytest.raises(SetupError, match="another or a damaged file"):
        load(EngineSettings(weights=tmp_path / "text.onnx"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SetupError, match=r"give --weights FILE\.onnx"):
        load(EngineSettings())
    with pytest.raises(SetupError, match="want onnx, open_clip or sim"):
        load(EngineSettings(engine="tensorrt"))


def test_a_manifest_can_be_named(tmp_path: Path) -> None:
    settings = tiny(tmp_path, "u8_nhwc", "nhwc")
    (tmp_path / "u8_nhwc.json").rename(tmp_path / "other.json")
    engine = load(EngineSettings(weights=settings.weights, manifest=tmp_path / "other.json"))
    assert engine.manifest.digest.startswith("sha256:")


def test_engines_need_no_grpc() -> None:
    """Triton's Python environment has numpy, pillow and onnxruntime, and no grpc or pydantic."""
    script = """
import sys
for name in ("grpc", "pydantic", "google", "prometheus_client"):
    sys.modules[name] = None
import dupfind_server.engines.onnx, dupfind_server.engines.sim, dupfind_server.tiles
from dupfind_server.engines import EngineSettings, embed, load
import numpy as np
print(embed(load(EngineSettings("sim")), np.zeros((2, 224, 224, 3), np.uint8)).shape)
"""
    source = str(Path(__file__).resolve().parents[1] / "src")
    env = {"PYTHONPATH": source}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, check=False)
    assert done.stdout == "(2, 512)\n", done.stderr


def test_sim_takes_the_time_of_its_pretended_gpu() -> None:
    engine = load(EngineSettings(engine="sim"))
    tiles = blobs(32)
    start = time.perf_counter()
    for _ in range(5):
        embed(engine, tiles)
    assert 0.105 <= time.perf_counter() - start < 0.5


def test_sim_tells_tiles_apart() -> None:
    engine = load(EngineSettings(engine="sim"))
    tiles = np.repeat(blobs(1), 5, axis=0)
    tiles[1, 0, 0, 0] ^= 1
    tiles[2, 100, 100, 1] ^= 1
    tiles[3, 223, 223, 2] ^= 128
    tiles[4] = tiles[4].transpose(1, 0, 2)
    tiles = np.concatenate([tiles, np.zeros((1, 224, 224, 3), np.uint8), np.full((1, 224, 224, 3), 255, np.uint8)])
    vectors = embed(engine, tiles)
    assert len(np.unique(vectors, axis=0)) == len(tiles)
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6
    assert (vectors[0] @ vectors[1:4].T > 0.999).all()
    assert np.array_equal(vectors, np.concatenate([embed(engine, tiles[i : i + 1]) for i in range(len(tiles))]))


def test_embed_checks_its_tiles() -> None:
    engine = load(EngineSettings(engine="sim"))
    for wrong in (np.zeros((1, 224, 223, 3), np.uint8), np.zeros((224, 224, 3), np.uint8)):
        with pytest.raises(ValueError, match=r"want uint8 \[n, 224, 224, 3\]"):
            embed(engine, wrong)
    assert embed(engine, np.zeros((0, 224, 224, 3), np.uint8)).shape == (0, 512)


def test_faults_finds_what_is_no_unit_vector() -> None:
    vectors = np.zeros((6, 4), np.float32)
    vectors[:, 0] = [1, 1.0005, 1.002, 0, np.nan, np.inf]
    assert sorted(faults(vectors, 6, 4)) == [2, 3, 4, 5]
    with pytest.raises(ValueError, match=r"want float32 \[5, 4\]"):
        faults(vectors, 5, 4)
    assert sorted(faults(normalise(vectors), 6, 4)) == [3, 4, 5]


def test_sscd_serves_the_same_bits_over_every_wire(sscd: Path) -> None:
    """Vectors of single tiles, run alone, equal those of a batch over the network, raw and encoded."""
    engine = load(EngineSettings(weights=sscd, device="cpu"))
    assert (engine.manifest, engine.weights) == (sscd_manifest(), "trained")
    tiles = blobs(11, seed=21)
    alone = np.concatenate([embed(engine, tiles[i : i + 1]) for i in range(len(tiles))])
    with serving(engine) as served:
        assert np.array_equal(vectors_of(served.infer(raw_request(tiles, "sscd"))), alone)
        encoded = [picture(t, "PNG" if i % 2 else "WEBP") for i, t in enumerate(tiles)]
        assert np.array_equal(vectors_of(served.infer(encoded_request(encoded, "sscd"))), alone)
    cosines = alone @ alone.T - np.eye(len(tiles))
    assert cosines.max() < 0.99
