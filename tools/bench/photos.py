"""The photo folders that the speed benchmarks scan; made once, kept in build/bench."""

import hashlib
import io
import shutil
import struct
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

from common import BENCH, DATA, cores, need
from PIL import Image


def made(folder, recipe, make):
    """Make a folder unless it is there already and complete, by the same recipe."""
    stamp = folder / ".made"
    if stamp.exists() and stamp.read_text() == recipe:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make(folder)
    stamp.write_text(recipe)
    return folder


def camera_copies(copies=10):
    """Each camera photo in ten copies that differ in a few pixels, at the file's own quality and subsampling."""
    source = DATA / "corpora" / "camera"
    need(source)
    names = sorted(p for p in source.iterdir() if p.suffix.lower() in (".jpg", ".jpeg"))

    def make(folder):
        for path in names:
            for n in range(copies):
                (folder / f"{path.stem}_{n}.jpg").write_bytes(with_spot(path, n))

    return made(BENCH / "camera", f"{copies} copies of {len(names)}, a 4 px spot", make)


def camera_library(copies):
    """A library of the camera photos in turn, over and over: copies that differ in a few pixels, as camera_copies makes them."""
    source = DATA / "corpora" / "camera"
    need(source)
    names = sorted(p for p in source.iterdir() if p.suffix.lower() in (".jpg", ".jpeg"))

    def make(folder):
        with ProcessPoolExecutor(cores()) as pool:
            list(pool.map(spotted, names, repeat(folder), repeat(copies)))

    return made(BENCH / f"camera-{len(names) * copies}", f"{copies} copies of {len(names)} in turn, a 4 px spot on a grid", make)


def spotted(path, folder, copies):
    """Write copies of a photo, decoded once, each with its spot elsewhere."""
    image = Image.open(path)
    extra = {key: image.info[key] for key in ("exif", "icc_profile") if image.info.get(key)}
    progressive = bool(image.info.get("progressive"))
    for n in range(copies):
        x, y = 16 + 24 * (n % 40), 16 + 24 * (n // 40)
        box = (x, y, x + 4, y + 4)
        before = image.crop(box)
        image.paste((200, 20, 20), box)
        image.save(folder / f"{n:03d}_{path.stem}.jpg", "JPEG", quality="keep", progressive=progressive, **extra)
        image.paste(before, box)


def with_spot(path, n):
    image = Image.open(path)
    extra = {key: image.info[key] for key in ("exif", "icc_profile") if image.info.get(key)}
    progressive = bool(image.info.get("progressive"))
    for x in range(4):
        for y in range(4):
            image.putpixel((16 + 24 * n + x, 16 + y), (200, 20, 20))
    out = io.BytesIO()
    image.save(out, "JPEG", quality="keep", progressive=progressive, **extra)
    return out.getvalue()


def many(total, photos):
    """`total` small files in folders of a thousand: `photos` different crops of real photos, the rest different files of one
    colour, which a scan reads, decodes and stores but does not give to the model."""
    source = DATA / "bench" / "photos"
    need(source)
    names = sorted(source.glob("*.jpg"))

    def make(folder):
        for i in range(total):
            if i % 1000 == 0:
                (folder / f"{i // 1000:03d}").mkdir()
        crops = crop_stream(names)
        every = total / photos
        due = 0.0
        for i in range(total):
            if i >= due:
                data, due = next(crops), due + every
            else:
                data = plain(i)
            (folder / f"{i // 1000:03d}" / f"{i:06d}.jpg").write_bytes(data)

    return made(BENCH / f"many-{total}-{photos}", f"{total} files, {photos} crops", make)


def crop_stream(names):
    """Different crops without end, round by round through the photos."""
    turn = 0
    while True:
        for path in names:
            image = Image.open(path)
            seed = hashlib.sha256(f"{path.name} {turn}".encode()).digest()
            side = min(image.size) * (40 + seed[0] % 30) // 100
            x = (image.width - side) * seed[1] // 255
            y = (image.height - side) * seed[2] // 255
            out = io.BytesIO()
            image.convert("RGB").crop((x, y, x + side, y + side)).resize((96, 96)).save(out, "JPEG", quality=80)
            yield out.getvalue()
        turn += 1


COLOURS = {}


def plain(i):
    """A small JPEG of one colour, its number in a comment: different bytes, nothing to see."""
    colour = i % 64
    if colour not in COLOURS:
        out = io.BytesIO()
        Image.new("RGB", (96, 96), (colour * 4, 128, 255 - colour * 4)).save(out, "JPEG", quality=80)
        COLOURS[colour] = out.getvalue()
    jpeg = COLOURS[colour]
    comment = str(i).encode()
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + jpeg[2:]
