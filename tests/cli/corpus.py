"""A folder of bad and odd files, made from a seed, with what `degrade check` must say of each."""

import io
import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

from degrade.arrays import U8
from degrade.images.formats import HEIC
from tests.photos import make_photo

HEIGHT, WIDTH = 128, 144
EITHER = "used, or refused for some reason"
"""Expected of files damaged at random: a decoder may or may not get over it."""
USED = ""
FORMS = {"png": "PNG", "jpg": "JPEG", "tif": "TIFF", "webp": "WEBP", "bmp": "BMP"}
LIMIT = "more than the limit of 200000000"
DAMAGED = "is truncated or damaged"
NO_HEIC = DAMAGED if HEIC.is_there() else "is HEIF and needs pillow_heif"


def photo(seed: int) -> U8:
    """Return a photo that differs from those of other seeds."""
    return make_photo(seed, HEIGHT, WIDTH)


def encoded(form: str, image: Pillow.Image | U8, **options: object) -> bytes:
    """Return a file's bytes."""
    file = io.BytesIO()
    (image if isinstance(image, Pillow.Image) else Pillow.fromarray(image)).save(
        file, form, **options
    )
    return file.getvalue()


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of the chunks given, each with its right checksum."""
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def _header(width: int, height: int) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)


def _bombs() -> dict[str, tuple[bytes, str]]:
    """Files that claim, or unpack to, far more than they hold."""
    zeros = zlib.compress(bytes(1 << 26), 9)
    texts = [(b"zTXt", b"x\0\0" + zeros)] * 80
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in photo(300)), 9)
    small, end = _header(WIDTH, HEIGHT), (b"IEND", b"")
    bmp = bytearray(encoded("BMP", photo(301)))
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    jpeg = bytearray(encoded("JPEG", photo(302)))
    start = jpeg.index(b"\xff\xc0") + 5
    jpeg[start : start + 4] = struct.pack(">HH", 65_500, 65_500)
    tags = [(256, 4, 1, 100_000), (257, 4, 1, 100_000), (258, 3, 1, 8), (259, 3, 1, 1)]
    tags += [(262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 100_000), (279, 4, 1, 9)]
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    tiff = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + directory + bytes(4)
    circle = tiff[:-4] + struct.pack("<I", 8)
    pages = [Pillow.fromarray(photo(303)), *[Pillow.new("RGB", (1, 1))] * 300]
    return {
        "wide.png": (_png(_header(2**31 - 1, 2**31 - 1), (b"IDAT", zeros), end), LIMIT),
        "bilevel.png": (encoded("PNG", Pillow.new("1", (20_000, 20_000))), LIMIT),
        "wide.bmp": (bytes(bmp), LIMIT),
        "wide.jpg": (bytes(jpeg), LIMIT),
        "wide.tif": (tiff, LIMIT),
        "circle.tif": (circle, LIMIT),
        "unpacks.png": (_png(small, (b"IDAT", zeros), end), EITHER),
        "profile.png": (
            _png(small, (b"iCCP", b"x\0\0" + zeros), (b"IDAT", rows), end),
            EITHER,
        ),
        "text.png": (
            _png(small, *texts, (b"IDAT", rows), end),
            EITHER,
        ),
        "pages.tif": (encoded("TIFF", pages[0], save_all=True, append_images=pages[1:]), USED),
        "frames.webp": (
            encoded("WEBP", pages[0], save_all=True, append_images=pages[:1] * 20, lossless=True),
            EITHER,
        ),
    }


def _deep(form: str, seed: int) -> bytes:
    values = np.multiply(photo(seed)[..., ::-1], 257, dtype=np.uint16)
    return bytes(cv2.imencode(form, values)[1])


def _odd() -> dict[str, tuple[bytes, str]]:
    """Whole files of kinds that are unlike a plain photo."""
    clear = Pillow.fromarray(photo(200)).convert("RGBA")
    clear.putalpha(Pillow.fromarray(photo(200)[..., 0]))
    opaque = Pillow.fromarray(photo(201)).convert("RGBA")
    turned = Pillow.Exif()
    turned[274] = 6
    wrong_turn = Pillow.Exif()
    wrong_turn[274] = 77
    frames = [Pillow.fromarray(photo(seed)) for seed in (202, 203)]
    plane = photo(204)[..., 0]
    return {
        "one.png": (encoded("PNG", Pillow.new("RGB", (1, 1))), "side of less than 16 pixels"),
        "column.png": (encoded("PNG", Pillow.new("RGB", (1, 90))), "side of less than 16 pixels"),
        "row.bmp": (encoded("BMP", Pillow.new("RGB", (90, 1))), "side of less than 16 pixels"),
        "print.jpg": (encoded("JPEG", Pillow.fromarray(photo(205)).convert("CMYK")), "is CMYK"),
        "print.tif": (encoded("TIFF", Pillow.fromarray(photo(206)).convert("CMYK")), "is CMYK"),
        "clear.png": (encoded("PNG", clear), "has an alpha channel"),
        "clear.webp": (encoded("WEBP", clear, lossless=True), "has an alpha channel"),
        "opaque.png": (encoded("PNG", opaque), USED),
        "deep.png": (_deep(".png", 207), USED),
        "deep.tif": (_deep(".tiff", 208), USED),
        "palette.png": (encoded("PNG", Pillow.fromarray(photo(209)).quantize(99)), USED),
        "gray.jpg": (encoded("JPEG", Pillow.fromarray(photo(210)).convert("L")), USED),
        "bits.png": (
            encoded("PNG", Pillow.fromarray(photo(211)).convert("1")),
            "left out by its scores (clipped",
        ),
        "moving.png": (encoded("PNG", frames[0], save_all=True, append_images=frames[1:]), USED),
        "moving.webp": (
            encoded("WEBP", frames[1], save_all=True, append_images=frames, lossless=True),
            USED,
        ),
        "float.tif": (encoded("TIFF", Pillow.fromarray(plane.astype(np.float32))), "floating"),
        "whole.tif": (encoded("TIFF", Pillow.fromarray(plane.astype(np.int32))), "colour mode I"),
        "lab.tif": (encoded("TIFF", Pillow.new("LAB", (90, 90))), "colour mode LAB"),
        "turned.jpg": (encoded("JPEG", photo(212), exif=turned), USED),
        "nowhere up.jpg": (encoded("JPEG", photo(213), exif=wrong_turn), USED),
        "bad exif.jpg": (encoded("JPEG", photo(214), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"), USED),
        "bad profile.jpg": (encoded("JPEG", photo(215), icc_profile=b"no profile" * 20), USED),
        "bad profile.png": (encoded("PNG", photo(216), icc_profile=bytes(200)), USED),
        "flat.png": (
            encoded("PNG", Pillow.new("RGB", (112, 96), (9, 9, 9))),
            "left out by its scores (flat",
        ),
    }


def _misnamed() -> dict[str, tuple[bytes, str]]:
    """Files whose name and contents disagree."""
    none = "contains no PNG"
    return {
        "jpeg.png": (encoded("JPEG", photo(100)), USED),
        "webp.jpg": (encoded("WEBP", photo(101), lossless=True), USED),
        "gif.png": (encoded("GIF", Pillow.fromarray(photo(102)).quantize(9)), "contains a GIF"),
        "letter.jpg": (b"Dear photo,\n" * 50, none),
        "page.webp": (b"%PDF-1.7\n" + bytes(500), none),
        "archive.tif": (b"PK\3\4" + bytes(500), none),
        "zeros.bmp": (bytes(4096), none),
        "noise.jpg": (np.random.default_rng(0).bytes(4096), none),
        "heic.jpg": (b"\0\0\0\x18ftypheic" + bytes(200), NO_HEIC),
        "movie.png": (b"\0\0\0\x18ftypmp42" + bytes(200), "contains a video"),
        "raw.tif": (b"II\x1a\0\0\0HEAPCCDR" + bytes(200), none),
    }


def _damaged(seed: int) -> dict[str, tuple[bytes, str]]:
    """Files of every format cut short at random places, and with random bytes in their headers."""
    rng = np.random.default_rng(seed)
    made: dict[str, tuple[bytes, str]] = {}
    for number, (suffix, form) in enumerate(FORMS.items()):
        data = encoded(form, photo(400 + number), **({"lossless": True} if form == "WEBP" else {}))
        made[f"empty.{suffix}"] = (b"", "is empty (0 bytes)")
        for cut in range(4):
            length = int(rng.integers(1, len(data) * 9 // 10))
            made[f"cut {cut}.{suffix}"] = (data[:length], DAMAGED)
        for change in range(8):
            bytes_ = bytearray(data)
            for place in rng.integers(0, 80, 3):
                bytes_[int(place)] = int(rng.integers(256))
            made[f"mutated {change}.{suffix}"] = (bytes(bytes_), EITHER)
        for change in range(4):
            bytes_ = bytearray(data)
            for place in rng.integers(0, len(data), 20):
                bytes_[int(place)] = int(rng.integers(256))
            made[f"scratched {change}.{suffix}"] = (bytes(bytes_), EITHER)
    return made


ODD_NAMES = (
    "two\nlines.png",
    "-rf.png",
    "--help.png",
    "trailing .png",
    " leading.png",
    "n" * 250 + ".png",
    "caf\u00e9.png",
    "cafe\u0301.png",
    "\u202egnp.png",
    "\x1b[31mred.png",
    "a'b\"c`d$e;f&g|h.png",
    "[0-9]*?.png",
    "%s%n{0}.png",
    "back\\slash.png",
    "C:.png",
    "LOUD.PNG",
)


def _names(folder: Path) -> dict[str, str]:
    for number, name in enumerate(ODD_NAMES):
        (folder / name).write_bytes(encoded("PNG", photo(500 + number)))
    expected = dict.fromkeys(ODD_NAMES, USED)
    bad = os.fsencode(folder) + b"/\xff\xfe.png"
    Path(os.fsdecode(bad)).write_bytes(encoded("PNG", photo(560)))
    expected["\ufffd\ufffd.png"] = "cannot be read (permission or name)"
    below = Path(os.fsdecode(os.fsencode(folder) + b"/sub\xff"))
    below.mkdir()
    (below / "inner.png").write_bytes(encoded("PNG", photo(561)))
    expected["sub\ufffd/inner.png"] = "cannot be read (permission or name)"
    return expected


def _places(folder: Path, outside: Path) -> dict[str, str]:
    """Links, loops, pipes, sockets, folders and huge files under the names of images."""
    outside.mkdir()
    (outside / "secret.png").write_bytes(encoded("PNG", photo(600)))
    (folder / "away.png").symlink_to(outside / "secret.png")
    (folder / "upwards.png").symlink_to(f"../{outside.name}/secret.png")
    (folder / "away").symlink_to(outside, target_is_directory=True)
    (folder / "round.png").symlink_to("round.png")
    (folder / "to.png").symlink_to("fro.png")
    (folder / "fro.png").symlink_to("to.png")
    (folder / "nothing.png").symlink_to("nowhere.png")
    (folder / "twin.png").symlink_to("jpeg.png")
    (folder / "myself").symlink_to(".", target_is_directory=True)
    (folder / "folder.png").mkdir()
    (folder / "folder.png" / "inner.png").write_bytes(encoded("PNG", photo(601)))
    (folder / "link to folder.png").symlink_to("folder.png", target_is_directory=True)
    os.mkfifo(folder / "pipe.png")
    (folder / "link to pipe.png").symlink_to("pipe.png")
    _bind(folder / "socket.png")
    with (folder / "huge.png").open("wb") as file:
        file.truncate(1 << 40)  # holds no blocks on the disk
    expected = dict.fromkeys(("away.png", "upwards.png", "away"), "leads out of")
    expected |= dict.fromkeys(("round.png", "to.png", "fro.png"), "levels of symbolic links")
    expected |= dict.fromkeys(
        ("pipe.png", "link to pipe.png", "socket.png"), "is not a regular file"
    )
    return expected | {
        "nothing.png": "is a link to nothing",
        "twin.png": "has the same bytes as jpeg.png",
        "folder.png/inner.png": USED,
        "huge.png": "has 1099511627776 bytes, more than any image",
    }


def _bind(path: Path) -> None:
    """Make a socket; its address may not be long, so it is bound from within its folder."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(before)


MAKERS: tuple[Callable[[], dict[str, tuple[bytes, str]]], ...] = (_bombs, _odd, _misnamed)


def write_corpus(folder: Path, outside: Path, seed: int) -> dict[str, str]:
    """Write the files and return, by path, a part of the reason for which each is refused.

    Args:
        folder: Made; gets the files.
        outside: Made; what links lead out to.
        seed: Of the places that are cut and changed.

    Returns:
        `USED` for files that must be used, `EITHER` where both will do.
    """
    folder.mkdir()
    files = {name: file for maker in MAKERS for name, file in maker().items()} | _damaged(seed)
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    expected = {name: reason for name, (_, reason) in files.items()}
    expected |= _names(folder) | _places(folder, outside)
    if os.geteuid():
        (folder / "private.png").write_bytes(encoded("PNG", photo(700)))
        (folder / "private.png").chmod(0)
        expected["private.png"] = "cannot be read (Permission denied)"
    return expected
