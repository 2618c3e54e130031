"""What every engine is, and how its vectors are checked."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from dupfind_server.errors import TileError
from dupfind_server.manifest import Manifest
from dupfind_server.tiles import CHANNELS, Tiles

Vectors: TypeAlias = npt.NDArray[np.float32]  # [n, dim], each of unit length
Weights: TypeAlias = Literal["trained", "random"]

NORM_TOLERANCE = 1e-3  # embed.NormTolerance in the Go code


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Which model runs, and how. Each engine reads the fields that concern it."""

    engine: str = "onnx"  # onnx, open_clip or sim
    weights: Path | None = None  # onnx: the model file (none: SSCD from dupfind's cache); open_clip: a checkpoint
    manifest: Path | None = None  # onnx: the model's manifest (none: the JSON beside the file, or SSCD's)
    model: str = "ViT-B-32"  # open_clip: the architecture
    pretrained: str = "laion2b_s34b_b79k"  # open_clip: the weights' tag, or "random"
    device: str = "auto"  # auto, cpu or cuda
    precision: str = "auto"  # open_clip: auto, fp32, fp16 or bf16
    compile: bool = False  # open_clip: torch.compile
    threads: int = 0  # on a CPU; 0: one for each core


class Engine(Protocol):
    """One model, loaded. One thread at a time runs it."""

    manifest: Manifest
    weights: Weights
    environment: dict[str, str]

    def preprocess(self, tiles: Tiles) -> Any:  # noqa: ANN401 -- what passes between the steps is the engine's own
        """Turn tiles into the model's input."""

    def forward(self, batch: Any) -> Any:  # noqa: ANN401
        """Run the model, to the end: an engine on a GPU waits for it."""

    def postprocess(self, out: Any) -> Vectors:  # noqa: ANN401
        """Turn the model's output into unit vectors, one for each tile."""

    def close(self) -> None:
        """Free the model."""


def embed(engine: Engine, tiles: Tiles) -> Vectors:
    """Give one unit vector for each tile; a TileError names the first tile that has none."""
    size, dim = engine.manifest.tile_size, engine.manifest.dim
    if tiles.dtype != np.uint8 or tiles.ndim != len("nhwc") or tiles.shape[1:] != (size, size, CHANNELS):
        raise ValueError(f"tiles are {tiles.dtype} {list(tiles.shape)}, want uint8 [n, {size}, {size}, {CHANNELS}]")
    if not len(tiles):
        return np.empty((0, dim), np.float32)
    vectors = engine.postprocess(engine.forward(engine.preprocess(tiles)))
    for index, reason in faults(vectors, len(tiles), dim).items():
        raise TileError(index, reason)
    return vectors


def faults(vectors: Vectors, count: int, dim: int) -> dict[int, str]:
    """Tell which vectors are not finite and of unit length, and why, in ascending order."""
    if vectors.dtype != np.float32 or vectors.shape != (count, dim):
        raise ValueError(f"the model gave {vectors.dtype} {list(vectors.shape)}, want float32 [{count}, {dim}]")
    wide = vectors.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
        bad = np.flatnonzero(~(np.abs(norms - 1) <= NORM_TOLERANCE))
    return {int(i): f"the model gave it a vector of length {norms[i]:.6g}, want 1" for i in bad}


def normalise(raw: npt.NDArray[np.float32]) -> Vectors:
    """Scale each row to unit length. A row without a direction comes back as zeros, for faults to find.

    The squares are summed one after the other in float64, as dupfind itself does, so that both get the same bits.
    """
    wide = raw.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        norms = np.sqrt(np.add.accumulate(wide * wide, axis=1)[:, -1:])
        unit = (wide / norms).astype(np.float32)
    return np.where(np.isfinite(norms) & (norms > 0), unit, np.float32(0))


def environment(engine: str, **facts: str) -> dict[str, str]:
    """Say what runs the model; what is not known is an empty text."""
    base = {"engine": engine, "device": "cpu", "precision": "", "gpu": "", "driver": ""}
    return base | {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()} | facts


def usable_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
