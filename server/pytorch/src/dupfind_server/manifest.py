"""A model's manifest: the same JSON, and the same rules, as `embed.Manifest` in the Go program."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias, cast, get_args

Layout: TypeAlias = Literal["nhwc", "nchw"]
InputType: TypeAlias = Literal["uint8", "float32"]
Triple: TypeAlias = tuple[float, float, float]

MAX_MANIFEST_BYTES = 1 << 20
MAX_DIM = 16384
MAX_TILE_SIZE = 1024
MAX_TEXT_BYTES = 1000
MAX_KNOTS = 1000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class ManifestError(ValueError):
    """A manifest that cannot be used, with its first fault."""


@dataclass(frozen=True, slots=True)
class Input:
    """How a tile becomes the model's input; a float32 input is (pixel/255 - mean) / std."""

    name: str
    layout: Layout
    type: InputType
    mean: Triple | None = None
    std: Triple | None = None

    def validate(self) -> None:
        """Raise ManifestError with the first fault."""
        if not self.name:
            raise ManifestError("input.name: missing")
        if self.layout not in get_args(Layout):
            raise ManifestError(f"input.layout {self.layout!r}: want nhwc or nchw")
        if self.type not in get_args(InputType):
            raise ManifestError(f"input.type {self.type!r}: want uint8 or float32")
        if self.type == "uint8":
            if self.mean or self.std:
                raise ManifestError("input.mean and input.std: a uint8 input is normalised inside the graph, leave them out")
            return
        if self.mean is None or self.std is None:
            raise ManifestError("input.mean, input.std: a float32 input needs both")
        if not all(-255 <= x <= 255 for x in self.mean) or not all(1e-6 <= x <= 255 for x in self.std):
            raise ManifestError(f"input.mean {self.mean}, input.std {self.std}: a float32 input needs both, std above 0")


@dataclass(frozen=True, slots=True)
class Calibration:
    """A model's scale from cosine to similarity: (cosine, similarity) knots, and on what they were measured.

    Knots without a source are provisional: nobody measured them.
    """

    knots: tuple[tuple[float, float], ...] = ()
    source: str = ""

    def validate(self) -> None:
        """Raise ManifestError with the first fault."""
        if not self.knots:
            if self.source:
                raise ManifestError("calibration has a source but no knots")
            return
        if not 2 <= len(self.knots) <= MAX_KNOTS:
            raise ManifestError(f"calibration has {len(self.knots)} knots, want 2 to {MAX_KNOTS}")
        before = (-math.inf, -math.inf)
        for i, (cosine, similarity) in enumerate(self.knots):
            if not (-1 <= cosine <= 1 and 0 <= similarity <= 1):
                raise ManifestError(f"calibration knot {i} ({cosine}, {similarity}) is out of range")
            if not (cosine > before[0] and similarity > before[1]):
                raise ManifestError(f"calibration knot {i} ({cosine}, {similarity}) does not rise")
            before = (cosine, similarity)
        if self.knots[0][1] != 0:
            raise ManifestError(f"calibration begins at similarity {self.knots[0][1]}, want 0")
        if self.knots[-1] != (1, 1):
            raise ManifestError(f"calibration ends at {self.knots[-1]}, want (1, 1)")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One model: its name, the digest of its weights, its input and output, and its similarity scale."""

    name: str
    dim: int
    tile_size: int
    input: Input
    output: str
    digest: str = ""
    resampling: str = "bicubic"
    normalised: bool = False
    calibration: Calibration = field(default_factory=Calibration)
    license: str = ""
    source: str = ""

    def validate(self) -> None:
        """Raise ManifestError with the first fault."""
        if not _NAME.fullmatch(self.name):
            raise ManifestError(
                f"name {self.name!r}: want letters, digits and . _ + / - only, beginning with a letter or digit"
            )
        if self.digest and not _DIGEST.fullmatch(self.digest):
            raise ManifestError(f"digest {self.digest!r}: want sha256: and 64 hex digits in lower case")
        if not 2 <= self.dim <= MAX_DIM:
            raise ManifestError(f"dim {self.dim}: want 2 to {MAX_DIM}")
        if not 8 <= self.tile_size <= MAX_TILE_SIZE:
            raise ManifestError(f"tile_size {self.tile_size}: want 8 to {MAX_TILE_SIZE}")
        self.input.validate()
        if self.resampling != "bicubic":
            raise ManifestError(f'resampling {self.resampling!r}: only "bicubic" is known')
        for name, text in (
            ("input.name", self.input.name),
            ("output", self.output),
            ("license", self.license),
            ("source", self.source),
            ("calibration.source", self.calibration.source),
        ):
            if len(text.encode()) > MAX_TEXT_BYTES or any(unicodedata.category(c) == "Cc" for c in text):
                raise ManifestError(f"{name} {text[:40]!r}: want plain text of at most {MAX_TEXT_BYTES} bytes")
        if not self.output:
            raise ManifestError("output: missing")
        self.calibration.validate()

    def to_json(self) -> str:
        """Give the JSON that the Go program reads; fields that are empty there are left out."""
        given: dict[str, Any] = {"name": self.input.name, "layout": self.input.layout, "type": self.input.type}
        if self.input.mean is not None and self.input.std is not None:
            given |= {"mean": list(self.input.mean), "std": list(self.input.std)}
        doc: dict[str, Any] = {"name": self.name}
        if self.digest:
            doc["digest"] = self.digest
        doc |= {
            "dim": self.dim,
            "tile_size": self.tile_size,
            "input": given,
            "output": self.output,
            "resampling": self.resampling,
            "normalised": self.normalised,
        }
        if self.calibration.knots:
            scale: dict[str, Any] = {"knots": [{"cosine": c, "similarity": s} for c, s in self.calibration.knots]}
            if self.calibration.source:
                scale["source"] = self.calibration.source
            doc["calibration"] = scale
        doc |= {k: v for k, v in (("license", self.license), ("source", self.source)) if v}
        return json.dumps(doc)


def parse_manifest(data: bytes | str) -> Manifest:
    """Read a manifest strictly: an unknown field or a value out of range is a ManifestError."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise ManifestError(f"{len(data)} bytes, want at most {MAX_MANIFEST_BYTES}")
    try:
        doc = _object(json.loads(data, parse_constant=_refuse), Manifest, "manifest")
    except (ValueError, RecursionError) as e:  # also what is not UTF-8
        raise e if isinstance(e, ManifestError) else ManifestError(f"not JSON: {e}") from e
    given = _object(doc.get("input", {}), Input, "input")
    scale = _object(doc.get("calibration", {}), Calibration, "calibration")
    manifest = Manifest(
        name=_text(doc, "name"),
        digest=_text(doc, "digest"),
        dim=_whole(doc, "dim"),
        tile_size=_whole(doc, "tile_size"),
        input=Input(
            name=_text(given, "name"),
            layout=cast("Layout", _text(given, "layout")),
            type=cast("InputType", _text(given, "type")),
            mean=_triple(given, "mean"),
            std=_triple(given, "std"),
        ),
        output=_text(doc, "output"),
        resampling=_text(doc, "resampling"),
        normalised=_flag(doc, "normalised"),
        calibration=Calibration(_knots(scale.get("knots", [])), _text(scale, "source")),
        license=_text(doc, "license"),
        source=_text(doc, "source"),
    )
    manifest.validate()
    return manifest


def _refuse(constant: str) -> None:
    raise ManifestError(f"holds {constant}, which is no number")


def _object(value: object, of: type, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ManifestError(f"{what}: want an object")
    if unknown := sorted(set(value) - {f.name for f in fields(of)}):
        raise ManifestError(f"{what}: unknown field {unknown[0]!r}")
    return value


def _text(doc: dict[str, Any], key: str) -> str:
    value = doc.get(key, "")
    if not isinstance(value, str):
        raise ManifestError(f"{key}: want text")
    return value


def _whole(doc: dict[str, Any], key: str) -> int:
    value = doc.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ManifestError(f"{key}: want a whole number")
    return value


def _flag(doc: dict[str, Any], key: str) -> bool:
    value = doc.get(key, False)
    if not isinstance(value, bool):
        raise ManifestError(f"{key}: want true or false")
    return value


def _number(value: object, what: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ManifestError(f"{what}: want a number")
    return value


def _triple(doc: dict[str, Any], key: str) -> Triple | None:
    if key not in doc:
        return None
    value = doc[key]
    if not isinstance(value, list) or len(value) != len("rgb"):
        raise ManifestError(f"input.{key}: want three numbers")
    r, g, b = (_number(x, f"input.{key}") for x in value)
    return r, g, b


def _knots(value: object) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list):
        raise ManifestError("calibration.knots: want a list")
    knots = []
    for knot in value:
        if not isinstance(knot, dict) or set(knot) != {"cosine", "similarity"}:
            raise ManifestError("calibration.knots: want objects of cosine and similarity")
        knots.append((_number(knot["cosine"], "cosine"), _number(knot["similarity"], "similarity")))
    return tuple(knots)
