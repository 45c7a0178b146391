"""Read one matrix from a MATLAB 5 file in plain Python: damaged bytes cannot crash the process.

SciPy's reader is compiled and trusts lengths and types that a damaged file gets wrong. The layout
is that of "MAT-File Format", The MathWorks, chapter 1: a header of 128 bytes, then elements of a
type, a length and data padded to 8 bytes.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

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
    """Return the real matrix ``name`` of a file.

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
