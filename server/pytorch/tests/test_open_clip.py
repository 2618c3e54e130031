"""The open_clip engine with PyTorch itself: asked for by `pytest -m torch`, in an environment of requirements-torch.txt."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps
from served import REPO, blobs, encoded_request, picture, raw_request, serving, vectors_of

from dupfind_server.engines import Engine, EngineSettings, SetupError, embed, load
from dupfind_server.inference import inference_pb2 as pb

pytestmark = pytest.mark.torch

RANDOM = EngineSettings(engine="open_clip", pretrained="random", device="cpu")
GREY_LEVELS = 2.0  # mean difference allowed between dupfind's tile and open_clip's own


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = load(RANDOM)
    yield engine
    engine.close()


def test_random_weights_say_so_and_are_the_same_each_time(engine: Engine) -> None:
    again = load(RANDOM)
    assert engine.weights == "random"
    assert again.manifest == engine.manifest
    assert (engine.manifest.name, engine.manifest.dim, engine.manifest.tile_size) == ("open_clip-ViT-B-32-random", 512, 224)
    assert engine.manifest.calibration.knots == ((0, 0), (0.98, 0.95), (1, 1))
    assert engine.manifest.calibration.source == ""
    tiles = blobs(4)
    assert np.array_equal(embed(again, tiles), embed(engine, tiles))


def test_vectors_are_unit_and_do_not_depend_on_the_batch(engine: Engine) -> None:
    tiles = blobs(16)
    together = embed(engine, tiles)
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5
    for size in (1, 3, 7):
        parts = [embed(engine, tiles[i : i + size]) for i in range(0, len(tiles), size)]
        assert np.abs(np.concatenate(parts) - together).max() < 1e-5
    cosines = together @ together.T
    assert cosines[~np.eye(len(tiles), dtype=bool)].max() < 0.9999


def test_it_is_served_over_every_wire(engine: Engine) -> None:
    tiles = blobs(5, seed=3)
    name = engine.manifest.name
    with serving(load(RANDOM)) as served:
        raw = vectors_of(served.infer(raw_request(tiles, name)))
        encoded = vectors_of(served.infer(encoded_request([picture(t) for t in tiles], name)))
        config = served.stub.ModelConfig(pb.ModelConfigRequest(name=name)).config
    assert config.parameters["dupfind_weights"].string_value == "random"
    assert np.array_equal(raw, encoded)
    assert np.abs(raw - embed(engine, tiles)).max() < 1e-5


def test_weights_of_a_file_are_trained_ones_with_the_same_digest(engine: Engine, tmp_path: Path) -> None:
    import torch  # noqa: PLC0415 -- the rest of the tests run without it

    model: Any = engine
    file = tmp_path / "weights.pt"
    torch.save(model._model.state_dict(), file)
    from_file = load(EngineSettings(engine="open_clip", weights=file, device="cpu"))
    assert from_file.weights == "trained"
    assert from_file.manifest.digest == engine.manifest.digest
    assert from_file.manifest.name == "open_clip-ViT-B-32"
    tiles = blobs(2)
    assert np.array_equal(embed(from_file, tiles), embed(engine, tiles))


def test_half_precision_stays_the_same_model(engine: Engine) -> None:
    tiles = blobs(8)
    half = load(EngineSettings(engine="open_clip", pretrained="random", device="cpu", precision="bf16"))
    assert half.environment["precision"] == "bf16"
    assert np.sum(embed(half, tiles) * embed(engine, tiles), axis=1).min() > 0.999


def test_a_compiled_model_gives_the_same_vectors(engine: Engine) -> None:
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs g++ on a CPU")
    compiled = load(EngineSettings(engine="open_clip", pretrained="random", device="cpu", compile=True))
    tiles = blobs(11)
    for count in (1, 5, 11):  # filled up to 1, 8 and 32
        assert np.abs(embed(compiled, tiles[:count]) - embed(engine, tiles[:count])).max() < 1e-4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "ViT-Z-99"}, "no such model; it has .*ViT-B-32"),
        ({"pretrained": "laion3b"}, "ViT-B-32 has .*laion2b_s34b_b79k.* or random"),
        ({"weights": Path("gone.pt")}, r"gone\.pt: no such file"),
        ({"weights": Path(__file__)}, "load ViT-B-32"),
        ({"device": "cuda"}, "PyTorch sees no GPU"),
        ({"precision": "int4"}, "want auto, fp32, fp16 or bf16"),
    ],
)
def test_what_cannot_be_loaded_is_said(change: dict[str, Any], words: str) -> None:
    import torch  # noqa: PLC0415

    if change.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(SetupError, match=words):
        load(EngineSettings(**{"engine": "open_clip", "device": "cpu", **change}))


def squash_transform(model: Any) -> Any:
    import open_clip  # noqa: PLC0415

    config = open_clip.get_model_preprocess_cfg(model)
    return open_clip.image_transform(
        config["size"], is_train=False, mean=config["mean"], std=config["std"], resize_mode="squash", interpolation="bicubic"
    )


def test_normalisation_is_that_of_open_clip(engine: Engine) -> None:
    import torch  # noqa: PLC0415

    inside: Any = engine
    transform = squash_transform(inside._model)
    tiles = blobs(4)
    want = torch.stack([transform(Image.fromarray(t)) for t in tiles])
    assert (inside.preprocess(tiles).pixels - want).abs().max() < 1e-5


def photos() -> list[Path]:
    """Give upright and turned camera photos: the repository's own, and the benchmark's where they are."""
    data = Path(os.environ.get("BENCH_DATA", REPO.parent / "shared")) / "corpora" / "camera"
    found = [*sorted((REPO / "testdata" / "photos").glob("20*/**/*.jpg")), *sorted(data.glob("*.jpg"))]
    return list({path.name: path for path in found}.values())


def in_srgb(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        profile = opened.info.get("icc_profile")
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    if not profile:
        return upright
    given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(upright, given, ImageCms.createProfile("sRGB"))
    assert converted is not None
    return converted


def test_dupfinds_tile_is_open_clips_squash(engine: Engine, tmp_path: Path) -> None:
    """The tile that a scan makes of a photo, against open_clip's transform of it, both as the model sees them."""
    if shutil.which("go") is None:
        pytest.skip("needs Go, to build tools/bench/dumptiles")
    chosen = photos()
    assert len(chosen) >= 5
    binary = tmp_path / "dumptiles"
    subprocess.run(["go", "build", "-o", binary, "./tools/bench/dumptiles"], cwd=REPO, check=True)
    subprocess.run([binary, "-out", tmp_path, "-tile", "224", *chosen], check=True, stdout=subprocess.DEVNULL)
    inside: Any = engine
    transform = squash_transform(inside._model)
    differences = {}
    for path in chosen:
        tile = np.fromfile(tmp_path / f"{path.name}.rgb", np.uint8).reshape(1, 224, 224, 3)
        ours = inside.preprocess(tile).pixels[0]
        levels = (ours - transform(in_srgb(path))).abs() * inside._std[0] * 255
        differences[path.name] = float(levels.mean())
    print(
        f"{len(chosen)} photos: mean {np.mean(list(differences.values())):.3f}, most {max(differences.values()):.3f} levels"
    )
    assert max(differences.values()) <= GREY_LEVELS, differences
