"""Read an image file's bytes, whole and of one moment, or refuse the file."""

import os
import stat
from io import BufferedReader
from pathlib import Path, PurePath

from degrade.errors import ImageRefused

_BYTES_PER_PIXEL = 8
"""The largest kind of pixel that is read, uncompressed: four channels of 16 bits."""
_METADATA_BYTES = 1 << 26


def open_regular(path: Path, name: str | PurePath) -> BufferedReader:
    """Open a file for reading; a pipe or device is refused instead of waited for.

    Raises:
        ImageRefused: It is no regular file; ``name`` names it.
        OSError: It cannot be opened.
    """
    # A pipe without a writer would block here for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not stat.S_ISREG(path.stat().st_mode):  # before opening, as a socket cannot be opened at all
        raise ImageRefused(name, "is not a regular file")
    file = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ImageRefused(name, "is not a regular file")
    return file


def read_whole(path: Path, name: str | PurePath, max_pixels: int) -> bytes:
    """Read a file that may be an image of up to ``max_pixels`` pixels.

    Raises:
        ImageRefused: It is no regular file, larger than any such image, or was written to
            meanwhile; ``name`` names it.
        OSError: It cannot be read.
    """
    most = max_pixels * _BYTES_PER_PIXEL + _METADATA_BYTES
    with open_regular(path, name) as file:
        before = os.fstat(file.fileno())
        if before.st_size > most:
            raise ImageRefused(
                name,
                f"has {before.st_size} bytes, more than any image of the {max_pixels} pixels that "
                "are the limit (crop it or make it smaller)",
            )
        try:
            data = file.read(most + 1)  # one that grows without end is not read without end
        except MemoryError as error:
            reason = "needs more memory than there is (use a smaller image)"
            raise ImageRefused(name, reason) from error
        after = os.fstat(file.fileno())
    if len(data) != before.st_size or _moment(before) != _moment(after):
        raise ImageRefused(name, "changed while it was being read (run the command again)")
    return data


def _moment(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
