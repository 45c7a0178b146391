"""What image libraries print is told of the file it is of, in threads too, and nothing else is."""

import io
import os
import struct
import sys
import threading
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from degrade.errors import ImageRefused
from degrade.images.decode import decode_with_notes
from degrade.images.library_messages import captured_messages
from tests.cli.answers import one_object
from tests.conftest import Command
from tests.degrade.images.phone_files import deep_avif
from tests.photos import write_photos

DEEP = np.random.default_rng(0).integers(0, 65535, (24, 32, 3)).astype(np.uint16)
PLAIN = (DEEP >> 8).astype(np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def deep_png(extra: bytes = b"") -> bytes:
    data = cv2.imencode(".png", DEEP)[1].tobytes()
    return bytes(data[:33] + extra + data[33:])


def tiff(tag: int) -> bytes:
    file = io.BytesIO()
    more = [(tag, "s", 0, "unknown", True)]
    tifffile.imwrite(file, DEEP, extratags=more, photometric="rgb")
    return file.getvalue()


def torn_exif() -> bytes:
    file = io.BytesIO()
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
    Image.fromarray(PLAIN).save(file, "JPEG", exif=exif)
    return file.getvalue()


def bad_codes() -> bytes:
    file = io.BytesIO()
    Image.fromarray(PLAIN).save(file, "TIFF", compression="tiff_lzw")
    data = bytearray(file.getvalue())
    for place in range(600, 610):
        data[place] ^= 0xFF
    return bytes(data)


SBIT = deep_png(chunk(b"sBIT", b"\x20\x20\x20"))
ODD = {
    "a.png": (SBIT, "its reader says: libpng warning: sBIT: invalid"),
    "b.tif": (tiff(65001), "Unknown field with tag 65001"),
    "c.jpg": (torn_exif(), "its reader says: Corrupt EXIF data."),
}


@pytest.mark.parametrize("name", ODD)
def test_it_is_a_note_of_its_file(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    data, said = ODD[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        notes = decode_with_notes(data, name).notes
        assert decode_with_notes(data, name).notes == notes, "each time anew, word for word"
    assert any(said in note for note in notes) and all("\n" not in note for note in notes)
    assert capfd.readouterr().err == ""


def bad_tile() -> bytes:
    data = bytearray(deep_avif(np.repeat(np.repeat(DEEP, 4, 0), 4, 1)))
    data[-len(data) // 3 :: 50] = b"\xff" * len(data[-len(data) // 3 :: 50])
    return bytes(data)


@pytest.mark.parametrize(("name", "made"), [("d.tif", bad_codes), ("e.avif", bad_tile)])
def test_of_a_file_that_is_refused_it_is_in_the_reason(
    name: str, made: Callable[[], bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ImageRefused, match=r"is truncated or damaged \(.+; .+\)"):
        decode_with_notes(made(), name)
    assert capfd.readouterr().err == ""


def test_good_files_have_no_such_note() -> None:
    for name, data in {"a.png": deep_png(), "b.tif": tifffile_plain()}.items():
        assert decode_with_notes(data, name).notes == ()


def tifffile_plain() -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, DEEP, photometric="rgb")
    return file.getvalue()


def test_in_threads_each_has_its_own() -> None:
    tags = range(65001, 65041)

    def of(tag: int) -> list[str]:
        said = [SBIT, tiff(tag)][tag % 2]
        return [note for note in decode_with_notes(said, "x.tif").notes if "reader" in note]

    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(tags, pool.map(of, tags), strict=True))
    for tag, notes in found.items():
        expected = f"tag {tag}" if tag % 2 else "sBIT: invalid"
        assert len(notes) == 1 and expected in notes[0]


def test_what_others_print_meanwhile_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    with warnings.catch_warnings(record=True) as elsewhere:
        warnings.simplefilter("always")
        with captured_messages(said):
            os.write(2, b"\r 40 % of 8 photos libpng warning: x\nand more\n")
            sys.__stderr__.flush() if sys.__stderr__ else None
            warnings.warn("of somebody else", stacklevel=1)
    assert said == ["libpng warning: x"]
    assert capfd.readouterr().err == "\r 40 % of 8 photos \nand more\n"
    assert [str(one.message) for one in elsewhere] == ["of somebody else"]


def test_few_messages_are_repeated_and_none_twice() -> None:
    said: list[str] = []
    with captured_messages(said):
        os.write(2, b"".join(b"libpng warning: %d\n" % (n // 2) for n in range(20)))
    assert said == [f"libpng warning: {n}" for n in range(3)]


def open_descriptors() -> int:
    folder = Path("/proc/self/fd")  # of Linux; elsewhere nothing is counted
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_nothing_is_left_open_or_locked() -> None:
    before = open_descriptors()
    for _ in range(20):
        with pytest.raises(ZeroDivisionError), captured_messages([]):
            raise ZeroDivisionError
    assert open_descriptors() <= before + 1
    done = threading.Event()

    def elsewhere() -> None:
        with captured_messages([]):
            done.set()

    threading.Thread(target=elsewhere).start()
    assert done.wait(5)


def test_check_notes_it(degrade: Command, tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", 1)
    for name, (data, _) in ODD.items():
        (folder / name).write_bytes(data)
    answer = one_object(degrade("check", folder, "--json"))
    for name, (_, said) in ODD.items():
        assert said in dict(answer["notes"])[name]
