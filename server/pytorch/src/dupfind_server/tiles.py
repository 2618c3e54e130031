"""Tiles as they come over the network: raw pixels, or an encoded picture each."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from dupfind_server.errors import TileError

Tiles: TypeAlias = npt.NDArray[np.uint8]  # [n, size, size, 3], RGB

FORMATS = ("WEBP", "PNG", "JPEG")
CHANNELS = 3
# A group of tiles is one task of the pool: smaller ones cost more to hand out, larger ones leave threads idle at the end.
GROUP = 4
_LENGTH = struct.Struct("<I")


def split_elements(raw: bytes, count: int) -> list[bytes]:
    """Cut the bytes of a BYTES tensor into its elements, each of which has its length before it."""
    elements: list[bytes] = []
    at = 0
    while at < len(raw):
        if len(elements) == count:
            raise ValueError(f"the input holds more than the {count} elements that its shape says")
        if len(raw) - at < _LENGTH.size:
            raise TileError(len(elements), "its length is cut off")
        (size,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size
        if size > len(raw) - at:
            raise TileError(len(elements), f"says {size} bytes, {len(raw) - at} are left")
        elements.append(raw[at : at + size])
        at += size
    if len(elements) != count:
        raise ValueError(f"the input holds {len(elements)} elements, its shape says {count}")
    return elements


def decode_tiles(elements: Sequence[bytes], size: int, pool: Executor | None = None) -> Tiles:
    """Decode pictures of exactly size x size pixels; a TileError names the first that is none."""
    out = np.empty((len(elements), size, size, CHANNELS), np.uint8)

    def decode_group(start: int) -> TileError | None:
        for i in range(start, min(start + GROUP, len(elements))):
            try:
                out[i] = decode_tile(elements[i], size)
            except ValueError as e:
                return TileError(i, str(e))
        return None

    groups = range(0, len(elements), GROUP)
    for fault in pool.map(decode_group, groups) if pool else map(decode_group, groups):
        if fault:
            raise fault
    return out


def decode_tile(data: bytes, size: int) -> Tiles:
    """Decode one picture. What it declares is checked before any pixel is decoded, so that no bomb goes off."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.size != (size, size):
                raise ValueError(f"is {picture.size[0]} x {picture.size[1]} pixels, want {size} x {size}")
            if picture.mode not in ("RGB", "L"):
                raise ValueError(f"has pixels of mode {picture.mode}, want 8-bit RGB")
            return np.asarray(picture.convert("RGB"))
    except ValueError:
        raise
    except Exception as e:  # Pillow's plug-ins raise all sorts of errors on foreign bytes
        raise ValueError(f"cannot be decoded as {', '.join(FORMATS)}: {type(e).__name__}") from e
