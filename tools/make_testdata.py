#!/usr/bin/env python3
"""Make testdata/photos: a small real photo library with known copies in it.

The photographs come from the scikit-image package, all public domain or CC0
(testdata/photos/LICENSES.md); every edit of them is made here, without any
randomness, so that the same encoders write the same bytes:

    python -m venv build/venv-testdata
    build/venv-testdata/bin/pip install -r tools/requirements-testdata.txt
    pip download --no-deps --only-binary=:all: --python-version 3.12 -d build scikit-image==0.26.0
    build/venv-testdata/bin/python tools/make_testdata.py build/scikit_image-0.26.0-*.whl

testdata/photos.tsv, written beside the folder, tells tests what each file is
a copy of and what a scan should say about it.
"""

import argparse
import io
import pathlib
import shutil
import struct
import zipfile

import pillow_heif
import pillow_jxl  # noqa: F401  (registers the JPEG XL encoder)
from PIL import Image, ImageDraw, ImageEnhance

pillow_heif.register_heif_opener()

HERE = pathlib.Path(__file__).resolve().parent
GREENWICH = {1: "N", 2: (51.0, 28.0, 40.0), 3: "W", 4: (0.0, 0.0, 5.0)}
ORIENTATION, MAKE, MODEL, SOFTWARE, CAPTION = 0x0112, 0x010F, 0x0110, 0x0131, 0x010E
EXIF_IFD, GPS_IFD, TAKEN_AT, RATING = 0x8769, 0x8825, 0x9003, 0x4746


class Library:
    """The folder being made, and the table that says what is in it."""

    def __init__(self, root, package):
        self.root, self.package, self.rows = root, package, []

    def source(self, name):
        """A photograph of scikit-image as RGB pixels."""
        data = self.package.read("skimage/data/" + name)
        return Image.open(io.BytesIO(data)).convert("RGB")

    def put(self, rel, data, of, how, scan="embedded"):
        """Write one file; `of` names the photo it is a copy of, `how` the way it differs."""
        path = self.root / rel
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.rows.append((rel, of, how, scan))
        return data


def exif(taken_at=None, make=None, model=None, gps=False, orientation=None, caption=None, software=None, rating=None):
    """An EXIF block; None leaves the tag out."""
    block = Image.Exif()
    tags = {MAKE: make, MODEL: model, ORIENTATION: orientation, CAPTION: caption, SOFTWARE: software, RATING: rating}
    for tag, value in tags.items():
        if value is not None:
            block[tag] = value
    if taken_at:
        block.get_ifd(EXIF_IFD)[TAKEN_AT] = taken_at
    if gps:
        block.get_ifd(GPS_IFD).update(GREENWICH)
    return block.tobytes()


def encode(image, kind="JPEG", **options):
    out = io.BytesIO()
    if kind == "JPEG":
        options.setdefault("quality", 88)
    image.save(out, kind, **options)
    return out.getvalue()


def shrink(image, long_side):
    scale = long_side / max(image.size)
    size = tuple(max(1, round(side * scale)) for side in image.size)
    return image.resize(size, Image.Resampling.LANCZOS)


def replace_exif(jpeg, block):
    """The same JPEG with another EXIF block: not one byte of the coded picture changes."""
    pos, kept = 2, []
    while jpeg[pos + 1] != 0xDA:  # up to the start of scan
        length = struct.unpack(">H", jpeg[pos + 2 : pos + 4])[0]
        segment = jpeg[pos : pos + 2 + length]
        if not (segment[1] == 0xE1 and segment[4:10] == b"Exif\0\0"):
            kept.append(segment)
        pos += 2 + length
    app1 = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    return jpeg[:2] + app1 + b"".join(kept) + jpeg[pos:]


def originals(lib):
    """The photos a person would keep."""
    canon = dict(make="Canon", model="Canon EOS 60D")
    made = {}
    plan = [
        ("2019/astronaut.jpg", "astronaut.png", 512, exif("2019:05:01 10:00:00", **canon)),
        ("2019/chelsea.jpg", "chelsea.png", 451, exif("2019:06:11 18:30:12", **canon)),
        ("2019/coffee.jpg", "coffee.png", 600, exif("2019:07:20 08:15:40", **canon)),
        ("2020/rocket.jpg", "rocket.jpg", 640, exif("2020:02:11 23:03:00", **canon)),
        ("2020/hubble.jpg", "hubble_deep_field.jpg", 640, b""),
        ("2020/retina.jpg", "retina.jpg", 640, exif("2020:09:09 12:00:00", **canon)),
        ("2020/clock.jpg", "clock_motion.png", 400, exif("2020:10:10 20:20:20", **canon)),
        ("2021/camera.jpg", "camera.png", 512, exif("2021:01:02 03:04:05", **canon)),
        ("2021/brick.jpg", "brick.png", 384, exif("2021:03:01 09:00:00", **canon)),
        ("2021/grass.jpg", "grass.png", 384, exif("2021:03:01 09:10:00", **canon)),
    ]
    for rel, name, long_side, block in plan:
        image = shrink(lib.source(name), long_side)
        image = image.convert("L") if name == "camera.png" else image
        made[rel] = lib.put(rel, encode(image, exif=block), "", "a photo of its own")
    return made


def pixels(jpeg):
    return Image.open(io.BytesIO(jpeg)).convert("RGB")


def copies(lib, made):
    """Copies that the first milestone can prove: same bytes, same pixels."""
    astronaut, rocket, clock = made["2019/astronaut.jpg"], made["2020/rocket.jpg"], made["2020/clock.jpg"]
    lib.put("backup/astronaut.jpg", astronaut, "2019/astronaut.jpg", "identical")
    block = exif("2019:05:01 10:00:00", caption="Eileen Collins", software="Organizer 1.0", rating=5)
    lib.put("backup/astronaut-captioned.jpg", replace_exif(astronaut, block), "2019/astronaut.jpg", "same-pixels")
    lib.put("phone/rocket-gps.jpg", replace_exif(rocket, exif(gps=True)), "2020/rocket.jpg", "same-pixels")
    lib.put("phone/IMG_0001", rocket, "2020/rocket.jpg", "identical")
    lib.put("backup/clock.jpg", clock, "2020/clock.jpg", "identical")
    lib.put("backup/clock.xmp", XMP.encode(), "", "sidecar of backup/clock.jpg", "not a photo")
    grass = pixels(made["2021/grass.jpg"])
    lib.put("export/grass.png", encode(shrink(grass, 192), "PNG"), "2021/grass.jpg", "resized")
    lib.put("export/grass-again.png", encode(shrink(grass, 192), "PNG", compress_level=1), "export/grass.png", "same-pixels")


XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/>
 </rdf:RDF>
</x:xmpmeta>
"""


def edits(lib, made):
    """Copies that only the model finds."""
    coffee, chelsea = pixels(made["2019/coffee.jpg"]), pixels(made["2019/chelsea.jpg"])
    rocket, retina = pixels(made["2020/rocket.jpg"]), pixels(made["2020/retina.jpg"])
    lib.put("phone/coffee-small.jpg", encode(shrink(coffee, 300)), "2019/coffee.jpg", "resized")
    lib.put("phone/coffee-q40.jpg", encode(coffee, quality=40), "2019/coffee.jpg", "resized")
    lib.put("phone/retina-small-gps.jpg", encode(shrink(retina, 320), exif=exif(gps=True)), "2020/retina.jpg", "resized")
    box = (45, 30, 405, 270)  # 80 % of each side
    lib.put("phone/chelsea-crop.jpg", encode(chelsea.crop(box)), "2019/chelsea.jpg", "edited")
    warm = Image.merge("RGB", [band.point(lambda v, k=k: min(255, round(v * k))) for band, k in zip(chelsea.split(), (1.08, 1.0, 0.9), strict=True)])
    lib.put("phone/chelsea-warm.jpg", encode(ImageEnhance.Contrast(warm).enhance(1.15)), "2019/chelsea.jpg", "edited")
    lib.put("phone/rocket-screenshot.png", encode(screenshot(rocket), "PNG", optimize=True), "2020/rocket.jpg", "edited")
    small = shrink(rocket, 400)
    for orientation, turn in TURNS.items():
        image = small.transpose(turn)
        data = encode(image, exif=exif(orientation=orientation))
        lib.put(f"turned/rocket-orientation-{orientation}.jpg", data, "2020/rocket.jpg", "resized")


# How the stored pixels are turned so that the EXIF orientation shows them upright again.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


def screenshot(photo):
    """A phone's screen showing the photo: bars above and below, a few grey controls."""
    screen = Image.new("RGB", (360, 440), (18, 18, 20))
    photo = shrink(photo, 360)
    top = (440 - photo.height) // 2
    screen.paste(photo, (0, top))
    draw = ImageDraw.Draw(screen)
    draw.rectangle((12, 8, 60, 16), fill=(230, 230, 230))
    draw.rectangle((300, 8, 348, 16), fill=(230, 230, 230))
    for x in (60, 150, 240):
        draw.ellipse((x, 400, x + 24, 424), outline=(200, 200, 200), width=2)
    return screen


def formats(lib, made):
    """One picture in every format that is embedded."""
    small = shrink(pixels(made["2019/coffee.jpg"]), 240)
    alpha = small.convert("RGBA")
    plan = [
        ("webp", small, "WEBP", dict(quality=80)),
        ("heic", small, "HEIF", dict(quality=70)),
        ("avif", small, "AVIF", dict(quality=70)),
        ("jxl", small, "JXL", dict(quality=85)),
        ("tif", small, "TIFF", dict(compression="tiff_lzw")),
        ("gif", small.quantize(64), "GIF", {}),
        ("bmp", shrink(small, 160), "BMP", {}),
        ("png", alpha, "PNG", dict(optimize=True)),
    ]
    for ext, image, kind, options in plan:
        of, how = ("formats/coffee.tif", "same-pixels") if ext == "png" else ("2019/coffee.jpg", "resized")
        lib.put(f"formats/coffee.{ext}", encode(image, kind, **options), of, how)


def oddities(lib, made):
    """What a scan must leave out or report, each with its reason."""
    white = Image.new("RGB", (320, 240), (255, 255, 255))
    lib.put("scans/blank-1.png", encode(white, "PNG"), "", "blank page", "low detail")
    lib.put("scans/blank-2.png", encode(white, "PNG", compress_level=1), "scans/blank-1.png", "same-pixels", "low detail")
    lib.put("scans/black.png", encode(Image.new("RGB", (320, 240)), "PNG"), "", "black frame", "low detail")
    retina = made["2020/retina.jpg"]
    lib.put("broken/truncated.jpg", retina[: len(retina) // 2], "", "half of a JPEG", "truncated")
    lib.put("broken/not-a-photo.jpg", b"A text file that calls itself a photo.\n", "", "text named .jpg", "not-a-photo")
    lib.put("broken/empty.jpg", b"", "", "no bytes", "empty")
    wrong = encode(shrink(pixels(made["2020/hubble.jpg"]), 240), "PNG")
    lib.put("phone/hubble-named-wrong.jpg", wrong, "2020/hubble.jpg", "resized")
    thumb = encode(shrink(pixels(made["2019/coffee.jpg"]), 120))
    lib.put("@eaDir/coffee.jpg/SYNOPHOTO_THUMB_S.jpg", thumb, "", "a NAS thumbnail", "left out")
    lib.put(".hidden/coffee.jpg", thumb, "", "in a hidden folder", "left out")
    lib.put("2019/notes.txt", b"Not a photo, and not called one.\n", "", "a text file", "not a photo")


def write_table(path, rows):
    lines = ["path\tcopy_of\thow\tscan"] + ["\t".join(row) for row in sorted(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", help="the scikit-image wheel")
    parser.add_argument("--out", type=pathlib.Path, default=HERE.parent / "testdata")
    args = parser.parse_args()
    root = args.out / "photos"
    notes = {p.name: p.read_bytes() for p in root.glob("*.md")} if root.exists() else {}
    shutil.rmtree(root, ignore_errors=True)
    with zipfile.ZipFile(args.wheel) as package:
        lib = Library(root, package)
        made = originals(lib)
        copies(lib, made)
        edits(lib, made)
        formats(lib, made)
        oddities(lib, made)
    for name, data in notes.items():
        (root / name).write_bytes(data)
    write_table(args.out / "photos.tsv", lib.rows)
    print(f"{len(lib.rows)} files, {sum(p.stat().st_size for p in root.rglob('*') if p.is_file())} bytes")


if __name__ == "__main__":
    main()
