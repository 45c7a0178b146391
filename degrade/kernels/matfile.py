"""KernelGAN's own kernel files: MATLAB, 17x17 at x2 and 33x33 at x4, off the middle by convention.

KernelGAN applies a kernel with scipy's correlate and keeps samples 0, s, 2s, ...; sampling at the
LR pixel's centre then needs a centre of mass (s - 1) / 2 pixels past the middle: 8.5 in 17, 17.5 in
33 (Bell-Kligler et al., NeurIPS 2019, and the code they released).
"""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.io import savemat

from degrade.arrays import F32
from degrade.errors import SettingsError
from degrade.kernels.shape import Kernel, canvas_size, recentre
from degrade.scales import TrainedScale

_NAME = "Kernel"
_SIDES = {2: 17, 4: 33}
_TEXT = b"MATLAB 5.0 MAT-file, a kernel by degrade".ljust(116)
"""A file's text (MAT-File Format, Level 5): readers ask for its first words alone."""


def write_mat(path: Path, kernel: Kernel, scale: TrainedScale) -> None:
    """Write a kernel as KernelGAN and RealSR's scripts expect it.

    Args:
        path: The file, ``*.mat``.
        kernel: [S, S] on the canvas of ``scale``, centred, sum 1. At x4 the last row and column
            have no place in 33x33; their weight goes to the others in proportion.
        scale: 2 or 4.

    Raises:
        SettingsError: The kernel is not on the canvas of ``scale``.
    """
    side = canvas_size(scale)
    if kernel.shape != (side, side):
        raise SettingsError(
            f"{path.name}: kernel of shape {kernel.shape} at x{scale}: give {side}x{side}"
        )
    before = scale // 2
    target = np.pad(kernel.astype(np.float64), (before, 0))[: _SIDES[scale], : _SIDES[scale]]
    written = io.BytesIO()
    savemat(written, {_NAME: target / target.sum()})
    # SciPy's header says when it was written: the same kernel would never be the same file.
    path.write_bytes(_TEXT + written.getvalue()[len(_TEXT) :])


def read_mat(path: Path, scale: TrainedScale) -> F32:
    """Read a kernel written by KernelGAN or ``write_mat``.

    Whatever its size and centre, it is brought onto the canvas of ``scale`` with its centre of mass
    in the middle.

    Returns:
        [S, S] float32, non-negative, sum 1.

    Raises:
        SettingsError: The file is unreadable or holds no square array of finite numbers "Kernel".
    """
    kernel = read_weights(path)
    try:
        return recentre(kernel, canvas_size(scale))
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def read_weights(path: Path) -> npt.NDArray[np.float64]:
    """Read a file's array "Kernel" as it is stored.

    Raises:
        SettingsError: The file is unreadable, damaged, or holds no such array of real numbers.
    """
    try:
        with path.open("rb") as file:
            return read_matrix(file.read(MAX_BYTES + 1), _NAME)
    except KeyError as error:
        reason = f'holds no array "{_NAME}"; give a file written by KernelGAN'
        raise SettingsError(f"{path}: {reason}") from error
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: not a readable MATLAB file: {error}") from error


MAX_BYTES = 1 << 24
"""The most that a file, and what it unpacks to, may take; a kernel takes some thousands."""
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"} | {
    12: "i8",
    13: "u8",
}
"""NumPy's names of the types of stored numbers."""
_NUMERIC_CLASSES = range(6, 16)
"""Classes of arrays that hold numbers: double, single, and whole ones of 8 to 64 bits."""
_COMPLEX = 0x0800


def read_matrix(data: bytes, name: str) -> npt.NDArray[np.float64]:
    """Return the real matrix ``name`` of a MATLAB 5 file, read in plain Python.

    SciPy's reader is compiled and trusts lengths and types that a damaged file gets wrong. The
    layout is that of "MAT-File Format", The MathWorks, chapter 1: a header of 128 bytes, then
    elements of a type, a length and data padded to 8 bytes.

    Raises:
        ValueError: The bytes are no such file, are damaged, or hold no such matrix.
        KeyError: The file is whole but has no variable ``name``.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"has {len(data)} bytes, far more than a kernel")
    if data[:6] != b"MATLAB" or len(data) < _HEADER:
        raise ValueError("does not begin as a MATLAB 5 file does")
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    version = struct.unpack_from(f"{order or '<'}H", data, 124)[0]
    if order is None or version != 0x0100:
        raise ValueError("is of another version than MATLAB 5 (save it with -v7 or older)")
    for kind, body in _elements(data[_HEADER:], order):
        if kind == _COMPRESSED:
            kind, body = next(_elements(_unpacked(body), order), (0, b""))
        if kind == _MATRIX:
            found = _matrix(body, name, order)
            if found is not None:
                return found
    raise KeyError(name)


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(body, MAX_BYTES)
    except zlib.error as error:
        raise ValueError(f"is damaged: {error}") from error
    if not unpacker.eof:
        raise ValueError("is cut short or unpacks to far more than a kernel")
    return data


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield type and data of each element."""
    place = 0
    while place + 8 <= len(data):
        kind, length = struct.unpack_from(f"{order}II", data, place)
        start = place + 8
        if kind >> 16:  # a short one: its length and data share the eight bytes
            kind, length, start = kind & 0xFFFF, kind >> 16, place + 4
        if length > len(data) - start or (start == place + 4 and length > 4):
            raise ValueError("is damaged or cut short")
        yield kind, data[start : start + length]
        place = place + 8 if start == place + 4 else start + length
        if kind != _COMPRESSED:
            place += -place % 8


def _matrix(body: bytes, name: str, order: str) -> npt.NDArray[np.float64] | None:
    """Return the matrix of an element if it has the name asked for."""
    parts = list(_elements(body, order))
    if len(parts) < 3:
        raise ValueError("is damaged: a matrix lacks its parts")
    (_, flags), (_, shape), (_, label) = parts[:3]
    if label.decode("latin-1") != name:
        return None
    if len(flags) != 8 or len(shape) % 4:
        raise ValueError("is damaged: a matrix has no shape")
    kind = struct.unpack(f"{order}I", flags[:4])[0]
    if kind & 0xFF not in _NUMERIC_CLASSES or kind & _COMPLEX:
        raise ValueError(f'has a variable "{name}" that holds no real numbers')
    sides: tuple[int, ...] = struct.unpack(f"{order}{len(shape) // 4}i", shape)
    if len(parts) < 4:
        raise ValueError("is damaged: a matrix lacks its parts")
    return _numbers(parts[3], sides, order)


def _numbers(part: tuple[int, Any], sides: tuple[int, ...], order: str) -> npt.NDArray[np.float64]:
    kind, stored = part
    if kind not in _NUMBERS:
        raise ValueError(f"is damaged: numbers of type {kind}")
    dtype = np.dtype(order + _NUMBERS[kind])
    count = int(np.prod([max(0, side) for side in sides], dtype=object))
    if count * dtype.itemsize != len(stored) or min(sides, default=0) < 0:
        raise ValueError(f"is damaged: {len(stored)} bytes for a matrix of shape {sides}")
    return np.frombuffer(stored, dtype).reshape(sides, order="F").astype(np.float64)
