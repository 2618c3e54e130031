"""Manifests: the rules are those of embed.Manifest in the Go program."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from served import REPO

from dupfind_server.engines.onnx import sscd
from dupfind_server.engines.sim import SimEngine
from dupfind_server.manifest import ManifestError, parse_manifest

Doc = dict[str, Any]


def document() -> Doc:
    return {
        "name": "mine",
        "digest": "sha256:" + "ab" * 32,
        "dim": 512,
        "tile_size": 224,
        "input": {"name": "image", "layout": "nchw", "type": "float32", "mean": [0.485, 0.456, 0.4], "std": [0.2, 0.2, 0.2]},
        "output": "embedding",
        "resampling": "bicubic",
        "normalised": True,
        "calibration": {"knots": [{"cosine": 0, "similarity": 0}, {"cosine": 1, "similarity": 1}], "source": "measured"},
        "license": "MIT",
        "source": "a file",
    }


def test_round_trip() -> None:
    for manifest in (parse_manifest(json.dumps(document())), sscd(), SimEngine().manifest):
        assert parse_manifest(manifest.to_json()) == manifest
    assert json.loads(parse_manifest(json.dumps(document())).to_json()) == document()


def test_sscd_is_as_in_the_go_program() -> None:
    text = (REPO / "embed" / "sscd.go").read_text(encoding="utf-8")
    m = sscd()
    for fact in (m.digest, m.license, m.source, m.calibration.source):
        assert f'"{fact}"' in text
    knots = ", ".join(f"{{{c:g}, {s:.2f}}}" if 0 < c < 1 else f"{{{c:g}, {s:g}}}" for c, s in m.calibration.knots)
    assert knots in text
    numbers = dict(re.findall(r"(Dim|TileSize): +(\d+)", text))
    assert numbers == {"Dim": str(m.dim), "TileSize": str(m.tile_size)}


def put(path: str, value: object) -> Callable[[Doc], None]:
    def change(doc: Doc) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            doc = doc[parent]
        doc[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("extra", 1), "unknown field 'extra'"),
        (put("input.stdd", 1), "input: unknown field 'stdd'"),
        (put("name", ""), "name ''"),
        (put("name", "-x"), "name '-x'"),
        (put("name", "a b"), "name 'a b'"),
        (put("name", "x" * 129), "name"),
        (put("name", 3), "name: want text"),
        (put("digest", "sha256:AB"), "digest"),
        (put("dim", 1), "dim 1"),
        (put("dim", True), "dim: want a whole number"),
        (put("dim", 512.0), "dim: want a whole number"),
        (put("tile_size", 1025), "tile_size 1025"),
        (put("input", []), "input: want an object"),
        (put("input.name", ""), r"input\.name: missing"),
        (put("input.name", "a\nb"), "plain text"),
        (put("input.layout", "hwc"), "'hwc'"),
        (put("input.type", "float16"), "'float16'"),
        (put("input.type", "uint8"), "leave them out"),
        (put("input.mean", [0.5]), "three numbers"),
        (put("input.std", [0.5, 0.5, 0]), "std above 0"),
        (put("output", ""), "output: missing"),
        (put("resampling", "bilinear"), "bicubic"),
        (put("normalised", "yes"), "true or false"),
        (put("source", "\x1b[2J"), "plain text"),
        (put("license", "x" * 1001), "plain text"),
        (put("calibration.knots", []), "source but no knots"),
        (put("calibration.knots", [{"cosine": 0, "similarity": 0}]), "1 knots"),
        (put("calibration.knots", [{"cosine": 0}]), "cosine and similarity"),
        (put("calibration.knots", [{"cosine": 0, "similarity": 0.1}, {"cosine": 1, "similarity": 1}]), "begins at"),
        (put("calibration.knots", [{"cosine": 0, "similarity": 0}, {"cosine": 1, "similarity": 0.9}]), "ends at"),
        (put("calibration.knots", [{"cosine": 0, "similarity": 0}, {"cosine": 0, "similarity": 1}]), "does not rise"),
        (put("calibration.knots", [{"cosine": -2, "similarity": 0}, {"cosine": 1, "similarity": 1}]), "out of range"),
    ],
)
def test_each_fault_is_named(change: Callable[[Doc], None], words: str) -> None:
    doc = document()
    change(doc)
    with pytest.raises(ManifestError, match=words):
        parse_manifest(json.dumps(doc))


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"{} {}", b"\xff", b'{"dim": NaN}', b"[" * 100_000, b" " * ((1 << 20) + 1)],
    ids=["empty", "list", "null", "two", "not UTF-8", "NaN", "deep", "huge"],
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError):
        parse_manifest(data)
