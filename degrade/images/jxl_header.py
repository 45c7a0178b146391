"""The header of JPEG XL (ISO 18181-1, annex D), whose reader gives no size before decoding."""

import struct
from dataclasses import dataclass

BARE, BOXED = b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_SIZES = (9, 13, 18, 30)
"""Bits of a side, by its selector."""


@dataclass(frozen=True)
class JxlHeader:
    """What a file says before its pixels."""

    width: int
    height: int
    depth: int | None
    """Bits a channel; None where it stands too far back: files with a preview or animation."""


def read_header(data: bytes) -> JxlHeader:
    """Read a file's header.

    Raises:
        ValueError: It is no JPEG XL, or ends within the header.
    """
    bits = _Bits(_codestream(data)[2:102])
    width, height = _size(bits)
    if bits.take(1):  # all is default
        return JxlHeader(width, height, 8)
    if bits.take(1):
        bits.take(3)  # orientation, which the reader applies
        if bits.take(1):
            _size(bits)
        if bits.take(2):
            return JxlHeader(width, height, None)
    if bits.take(1):  # floating point
        return JxlHeader(width, height, 32)
    selected = bits.take(2)
    return JxlHeader(width, height, (8, 10, 12)[selected] if selected < 3 else 1 + bits.take(6))


class _Bits:
    """Takes whole numbers off bytes, least significant bit first."""

    def __init__(self, data: bytes) -> None:
        self._left, self._value = 8 * len(data), int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError("ends within its header")
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return taken


def _size(bits: _Bits) -> tuple[int, int]:
    """Return width and height."""
    small = bits.take(1)
    height = _side(bits, small)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio]
        return height * across // down, height
    return _side(bits, small), height


def _side(bits: _Bits, small: int) -> int:
    if small:
        return 8 * (1 + bits.take(5))
    return 1 + bits.take(_SIZES[bits.take(2)])


def _codestream(data: bytes) -> bytes:
    if data.startswith(BARE):
        return data[:102]
    at = 0
    while data.startswith(BOXED) and at + 16 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, at + 8), 16
        start = at + head + (4 if kind == b"jxlp" else 0)
        if kind in (b"jxlc", b"jxlp"):
            return data[start : start + 102]
        if size < head:
            break
        at += size
    raise ValueError("has no codestream")
