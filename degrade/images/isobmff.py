"""What the boxes of an AVIF or HEIC file (ISO 14496-12, 23008-12) say of its main picture."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from degrade.images.rgb_space import CodePoints

_MOST = 4096
"""Boxes that are looked at on one level; a damaged file claims more."""


@dataclass(frozen=True)
class Picture:
    """Properties of the main picture; None where the file does not say."""

    depth: int | None
    """Bits a channel."""
    colour: CodePoints | None


@dataclass(frozen=True)
class _Box:
    kind: bytes
    body: bytes


def brands(data: bytes) -> frozenset[bytes]:
    """Return what a file says it is, the chief brand and the compatible ones; empty if no such."""
    if data[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(data[:4], "big"), 1024)
    listed = data[8:12] + data[16:end]
    return frozenset(listed[at : at + 4] for at in range(0, len(listed) - 3, 4))


def has_box(data: bytes, kind: bytes) -> bool:
    """Tell whether a file has a box of a kind on its outermost level."""
    return any(box.kind == kind for box in _boxes(data))


def main_picture(data: bytes) -> Picture:
    """Read the properties of the picture that a file calls its primary item."""
    try:
        meta = {box.kind: box.body for box in _boxes(_first(data, b"meta")[4:])}
        tables = list(_boxes(meta.get(b"iprp", b"")))
        every = [box for table in tables if table.kind == b"ipco" for box in _boxes(table.body)]
        primary = _item_number(meta.get(b"pitm", b""))
        links = [box.body for box in tables if box.kind == b"ipma"]
        own = [
            every[i - 1] for body in links for i in _linked(body, primary) if 0 < i <= len(every)
        ]
    except (struct.error, IndexError):
        return Picture(None, None)
    depths = [depth for box in (*own, *every) if (depth := _depth(box)) is not None]
    return Picture(next(iter(depths), None), next(filter(None, map(_code_points, own)), None))


def _boxes(data: bytes) -> Iterator[_Box]:
    at = 0
    for _ in range(_MOST):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and at + 16 <= len(data):
            (size,), head = struct.unpack_from(">Q", data, at + 8), 16
        end = len(data) if size == 0 else at + size
        if end < at + head:
            return
        yield _Box(kind, data[at + head : end])
        at = end


def _first(data: bytes, kind: bytes) -> bytes:
    return next((box.body for box in _boxes(data) if box.kind == kind), b"")


def _item_number(pitm: bytes) -> int:
    return int(struct.unpack_from(">I" if pitm[0] else ">H", pitm, 4)[0])


def _linked(ipma: bytes, item: int) -> list[int]:
    """Return the numbers, from 1, of an item's properties."""
    wide_items, wide_links = bool(ipma[0]), bool(ipma[3] & 1)
    (entries,), at = struct.unpack_from(">I", ipma, 4), 8
    found: list[int] = []
    for _ in range(min(entries, _MOST)):
        (number,) = struct.unpack_from(">I" if wide_items else ">H", ipma, at)
        at += 4 if wide_items else 2
        links, at = ipma[at], at + 1
        for _ in range(links):
            (link,) = struct.unpack_from(">H" if wide_links else ">B", ipma, at)
            at += 2 if wide_links else 1
            if number == item:
                found.append(link & (0x7FFF if wide_links else 0x7F))
    return found


def _depth(box: _Box) -> int | None:
    if box.kind == b"pixi" and len(box.body) > 5:
        return max(box.body[5:])
    if box.kind == b"av1C" and len(box.body) > 2:
        return 8 if not box.body[2] & 0x40 else 12 if box.body[2] & 0x20 else 10
    return None


def _code_points(box: _Box) -> CodePoints | None:
    if box.kind != b"colr" or box.body[:4] != b"nclx":
        return None
    primaries, transfer = struct.unpack_from(">HH", box.body, 4)
    return primaries, transfer
