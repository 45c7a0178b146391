"""Write images so that a reader never meets half a file; PNG also a strip of rows at a time."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from struct import pack
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from degrade.arrays import U8
from degrade.atomic_file import replacing
from degrade.errors import DegradeError, ImageRefused
from degrade.images.exif import as_tiff
from degrade.images.icc import srgb_profile

_JPEG: tuple[str, dict[str, Any]] = ("JPEG", {"quality": 95, "subsampling": 0})
_TIFF: tuple[str, dict[str, Any]] = ("TIFF", {"compression": "tiff_adobe_deflate"})
_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": ("WEBP", {"lossless": True}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": ("BMP", {}),
}
"""Pillow's format and options by suffix; JPEG is the only lossy one."""
WRITABLE = tuple(_FORMATS)
"""Suffixes of the formats that can be written."""
_WITH_PROFILE = ("JPEG", "TIFF", "WEBP")
_WITHOUT_ALPHA = ("BMP", "JPEG")
_LARGEST_SIDE = {"JPEG": 65500, "WEBP": 16383}


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that is whole or absent; its folder is made if need be.

    Raises:
        DegradeError: It cannot be written.
    """
    with writing(path) as aside:
        aside.write_bytes(data)


def write_png(path: Path, rgb: U8) -> None:
    """Write uint8 HWC RGB as a PNG file that is whole or absent; its folder is made if need be.

    Raises:
        DegradeError: The array is not uint8 [H, W, 3], or the file cannot be written.
    """
    _save(path, rgb, "PNG", {})


def write_image(path: Path, pixels: U8, exif: bytes = b"") -> None:
    """Write uint8 sRGB [H, W, C] in the format of the suffix (`WRITABLE`), whole or absent.

    JPEG has quality 95 and full colour resolution, WebP and TIFF are lossless. All but PNG and BMP
    get sRGB's profile.

    Args:
        path: Where to write.
        pixels: Of 1 channel gray, of 3 RGB; with 2 or 4 the last is alpha.
        exif: As `degrade.images.exif.carried_over` gives it; BMP has no place for it, and TIFF is
            not compressed with it.

    Raises:
        DegradeError: The file cannot be written.
        ImageRefused: The format cannot hold the image.
    """
    check_fits(path, *pixels.shape)
    form, options = _FORMATS[path.suffix.lower()]
    if exif and form != "BMP":
        # Pillow's compressed TIFF cannot hold the directories that EXIF data have.
        options = {"exif": exif} if form == "TIFF" else {**options, "exif": exif}
    if form in _WITH_PROFILE:
        options = {**options, "icc_profile": srgb_profile()}
    plain = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    with writing(path) as aside:
        Pillow.fromarray(np.ascontiguousarray(plain)).save(aside, format=form, **options)


def check_fits(path: Path, height: int, width: int, channels: int = 3) -> None:
    """Refuse an image that the format of its file cannot hold.

    Raises:
        ImageRefused: A side is longer than JPEG's or WebP's limit, or JPEG and BMP would lose the
            alpha channel.
    """
    form, _ = _FORMATS[path.suffix.lower()]
    if channels in (2, 4) and form in _WITHOUT_ALPHA:
        raise ImageRefused(path, f"is transparent, which {form} cannot hold (use .png)")
    if max(height, width) > (limit := _LARGEST_SIDE.get(form, max(height, width))):
        raise ImageRefused(
            path, f"would be {width}x{height}, and {form} ends at {limit} a side (use .png)"
        )


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a path to write to, which becomes ``path`` if the block succeeds; make its folder.

    Raises:
        DegradeError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside:
            yield aside
    except OSError as error:
        raise DegradeError(
            f"{path}: cannot be written ({error.strerror or error}); check folder, rights and space"
        ) from error


def _save(path: Path, rgb: U8, form: str, options: dict[str, Any]) -> None:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise DegradeError(
            f"{path}: array is {rgb.dtype} {list(rgb.shape)}; give uint8 [H, W, 3] (see to_uint8)"
        )
    with writing(path) as aside:
        Pillow.fromarray(np.ascontiguousarray(rgb)).save(aside, format=form, **options)


_BLOCK = 1 << 20
"""Bytes of pixels that are filtered at a time."""
_LEVEL = 6
"""zlib's level of compression; Pillow's default too."""
_PAETH = 4
_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's number of a kind of pixels, by their channels."""


@contextmanager
def png_strips(
    path: Path,
    height: int,
    width: int,
    text: Mapping[str, str] | None = None,
    *,
    channels: int = 3,
    exif: bytes = b"",
) -> Iterator[Callable[[U8], None]]:
    """Yield a function that takes the next rows, uint8 [n, width, channels], of a PNG file.

    The file is whole or absent and tagged as sRGB; its folder is made if need be.

    Args:
        path: Where to write.
        height: Rows that the strips have together.
        width: Columns.
        text: Latin-1 keywords and texts to put before the pixels (chunk tEXt).
        channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
        exif: As `degrade.images.exif.carried_over` gives it.

    Raises:
        DegradeError: The file cannot be written.
        ValueError: The strips do not make up the image.
    """
    with writing(path) as aside, aside.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        _chunk(file, b"IHDR", pack(">IIBBBBB", width, height, 8, _COLOUR_TYPE[channels], 0, 0, 0))
        _chunk(file, b"sRGB", b"\0")
        if exif:
            _chunk(file, b"eXIf", as_tiff(exif))
        for keyword, words in (text or {}).items():
            _chunk(file, b"tEXt", f"{keyword}\0{words}".encode("latin-1"))
        rows = _Rows(file, width, channels)
        yield rows.put
        if rows.count != height:
            raise ValueError(f"{path}: {rows.count} rows were given for a height of {height}")
        rows.finish()
        _chunk(file, b"IEND", b"")


class _Rows:
    """Filters and compresses rows into IDAT chunks (PNG specification, sections 9 and 10)."""

    def __init__(self, file: BinaryIO, width: int, channels: int) -> None:
        self.count = 0
        self._file, self._width, self._channels = file, width, channels
        self._above = np.zeros((1, width * channels), np.int16)
        self._packer = zlib.compressobj(_LEVEL, strategy=zlib.Z_FILTERED)

    def put(self, strip: U8) -> None:
        if strip.dtype != np.uint8 or strip.shape[1:] != (self._width, self._channels):
            raise ValueError(f"strip is {strip.dtype} {list(strip.shape)}, not of the image")
        length = self._width * self._channels
        step = max(1, _BLOCK // length)
        for top in range(0, len(strip), step):
            rows = strip[top : top + step].reshape(-1, length).astype(np.int16)
            self._write(self._packer.compress(self._filtered(rows)))
            self._above = rows[-1:]
        self.count += len(strip)

    def finish(self) -> None:
        self._write(self._packer.flush())

    def _filtered(self, rows: np.ndarray[tuple[int, int], np.dtype[np.int16]]) -> bytes:
        above = np.concatenate((self._above, rows[:-1]))
        left, corner = (self._shifted(values) for values in (rows, above))
        across, down = above - corner, left - corner  # distances of the estimate from left, above
        to_left, to_above, to_corner = np.abs(across), np.abs(down), np.abs(across + down)
        nearest = np.where(to_above <= to_corner, above, corner)
        nearest = np.where((to_left <= to_above) & (to_left <= to_corner), left, nearest)
        result = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        result[:, 0] = _PAETH
        result[:, 1:] = (rows - nearest).astype(np.uint8)
        return result.tobytes()

    def _shifted(self, rows: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
        """Return each row moved on by a pixel, with zeros before it."""
        return np.pad(rows, ((0, 0), (self._channels, 0)))[:, : -self._channels]

    def _write(self, data: bytes) -> None:
        if data:
            _chunk(self._file, b"IDAT", data)


def _chunk(file: BinaryIO, kind: bytes, data: bytes) -> None:
    file.write(pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data)))
