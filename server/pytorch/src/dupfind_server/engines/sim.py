"""A pretend GPU for tests and benchmarks: 5 ms a run and 0.5 ms a tile, one run at a time, no weights."""

from __future__ import annotations

import hashlib
import threading
import time

import numpy as np

from dupfind_server.engines.base import Vectors, Weights, environment, normalise
from dupfind_server.manifest import Input, Manifest
from dupfind_server.tiles import Tiles

TILE_SIZE = 224
DIM = 512
SECONDS_PER_RUN = 0.005
SECONDS_PER_TILE = 0.0005

GRID_START, GRID_STEP, GRID_SIDE = 8, 17, 13  # 13 x 13 x 3 pixels are 507 of the 512 numbers
MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits spread: one changed byte changes the high ones
CHECKSUM_SHARE = 16.0  # the checksum's numbers are this much smaller than pixels: they must tell tiles apart, no more


class SimEngine:
    """Vectors from coarse pixels, so that like tiles have like vectors, and a checksum, so that no two are the same."""

    weights: Weights = "trained"

    def __init__(self) -> None:
        self.manifest = Manifest(
            name="sim",
            digest="sha256:" + hashlib.sha256(b"sim 1").hexdigest(),
            dim=DIM,
            tile_size=TILE_SIZE,
            input=Input(name="image", layout="nhwc", type="uint8"),
            output="embedding",
            normalised=True,
        )
        self.environment = environment("sim", precision="fp32")
        self._one_at_a_time = threading.Lock()

    def preprocess(self, tiles: Tiles) -> Tiles:
        """Take the tiles as they are."""
        return np.ascontiguousarray(tiles)

    def forward(self, batch: Tiles) -> Vectors:
        """Look at a few pixels of each tile, and take the time that the pretend GPU takes."""
        with self._one_at_a_time:
            end = time.perf_counter() + SECONDS_PER_RUN + SECONDS_PER_TILE * len(batch)
            out = _pixels(batch)
            time.sleep(max(0.0, end - time.perf_counter()))
        return out

    def postprocess(self, out: Vectors) -> Vectors:
        """Scale to unit length; no pixel less 127.5 is zero, so that each tile has a direction."""
        return normalise(out)

    def close(self) -> None:
        """Hold nothing."""


def _pixels(tiles: Tiles) -> Vectors:
    n = len(tiles)
    end = GRID_START + GRID_STEP * GRID_SIDE
    coarse = tiles[:, GRID_START:end:GRID_STEP, GRID_START:end:GRID_STEP].reshape(n, -1)
    sums = tiles.reshape(n, -1).view(np.uint64).sum(axis=1, dtype=np.uint64) * MIX
    checksum = sums.astype("<u8").view(np.uint8).reshape(n, 8)[:, coarse.shape[1] - DIM :]
    out = np.empty((n, DIM), np.float32)
    out[:, : coarse.shape[1]] = coarse
    out[:, : coarse.shape[1]] -= 127.5
    out[:, coarse.shape[1] :] = (checksum.astype(np.float32) - 127.5) / CHECKSUM_SHARE
    return out
