"""Write PNG files a strip of rows at a time, so that an image need never be in memory whole."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from struct import pack
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from degrade.arrays import U8
from degrade.images.exif import as_tiff
from degrade.images.write import writing

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
