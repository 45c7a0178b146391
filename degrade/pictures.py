"""Small pictures for people: labelled tiles in rows, from arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from degrade.arrays import F32, U8, Image
from degrade.images.colour import to_uint8

BACKGROUND = 250
INK = (40, 40, 40)
GAP = 8
LABEL = 18
REFUSED = (200, 30, 30)
DECADES = 4
"""What a kernel's log picture spans: black = its largest weight over 10^4, or less."""
SHADES = " ░▒▓█"
PLAIN_SHADES = " .:*#"
"""Shades for a terminal that cannot show the others."""
TEXT_WIDTH = 32
"""Columns of a kernel in text; a character is about twice as tall as wide."""


def enlarge(image: Image, side: int) -> U8:
    """Return an image scaled so that its longer side is ``side`` pixels, pixels kept visible."""
    factor = side / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    shrinking = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(to_uint8(image), size, interpolation=shrinking), np.uint8)


def kernel_picture(kernel: F32, side: int, *, log: bool = False) -> U8:
    """Return a kernel [S, S] as a picture, black = 0, white = its largest weight."""
    return enlarge(np.repeat(_levels(kernel, log=log)[:, :, None], 3, axis=2), side)


def kernel_text(kernel: F32, *, log: bool = False, shades: str = SHADES) -> list[str]:
    """Return a kernel [S, S] as 16 lines of 32 shades, for a terminal."""
    wide = np.repeat(kernel, 2, axis=1)
    size = (TEXT_WIDTH, TEXT_WIDTH // 2)
    small = np.asarray(cv2.resize(wide, size, interpolation=cv2.INTER_AREA), np.float32)
    steps = np.rint(_levels(small, log=log) * (len(shades) - 1)).astype(int)
    return ["".join(shades[step] for step in line) for line in steps]


def _levels(kernel: F32, *, log: bool) -> F32:
    """Return weights as [0, 1]: over the largest, or the logarithm of that over `DECADES`."""
    unit = np.clip(kernel / max(float(kernel.max()), 1e-12), 0, 1)
    if log:
        unit = 1 + np.log10(np.maximum(unit, 10.0**-DECADES)) / DECADES
    return np.asarray(unit, np.float32)


@dataclass(frozen=True)
class Cell:
    """One picture [side, side, 3] of a sheet, the lines below it, and whether it is crossed out."""

    picture: U8
    lines: tuple[str, ...]
    refused: bool = False


def sheet(title: str, cells: Sequence[Cell], columns: int) -> U8:
    """Return pictures of one size as a titled grid, filled row by row.

    Args:
        title: Written above the grid; cut where the grid is narrower.
        cells: At least one; a line of text that is wider than its picture is shortened.
        columns: Pictures per row.
    """
    side = cells[0].picture.shape[0]
    height = side + LABEL * max(len(cell.lines) for cell in cells) + GAP
    rows = -(-len(cells) // columns)
    size = (columns * (side + GAP) + GAP, LABEL + 2 * GAP + rows * height)
    page = Pillow.new("RGB", size, (BACKGROUND,) * 3)
    draw = ImageDraw.Draw(page)
    draw.text((GAP, 4), title, fill=INK, font=ImageFont.load_default(14))
    for index, cell in enumerate(cells):
        down, across = divmod(index, columns)
        left, top = GAP + across * (side + GAP), LABEL + 2 * GAP + down * height
        _draw_cell(page, draw, cell, left, top)
    return np.asarray(page, np.uint8)


def _draw_cell(
    page: Pillow.Image, draw: ImageDraw.ImageDraw, cell: Cell, left: int, top: int
) -> None:
    side = cell.picture.shape[0]
    right, bottom = left + side - 1, top + side - 1
    page.paste(Pillow.fromarray(cell.picture), (left, top))
    if cell.refused:
        draw.rectangle((left, top, right, bottom), outline=REFUSED, width=2)
        draw.line((left, top, right, bottom), fill=REFUSED, width=2)
    font = ImageFont.load_default(11)
    ink = REFUSED if cell.refused else INK
    for number, line in enumerate(cell.lines):
        place = (left, bottom + 3 + number * 14)
        draw.text(place, _fitted(" ".join(line.split()), side, draw, font), fill=ink, font=font)


def _fitted(line: str, width: int, draw: ImageDraw.ImageDraw, font: Any) -> str:
    """Return the end of a line that fits: of a path, the file's name."""
    ends = [line, *(f"…{line[start:]}" for start in range(1, len(line)))]
    return next((end for end in ends if draw.textlength(end, font) <= width), "")


def noise_picture(patch: U8, side: int, gain: float = 6.0) -> U8:
    """Return a noise patch without its mean, amplified around middle grey."""
    unit = patch.astype(np.float32) / 255
    return enlarge(np.clip(0.5 + gain * (unit - unit.mean(axis=(0, 1))), 0, 1), side)


def row(title: str, tiles: Sequence[tuple[str, U8]], width: int) -> U8:
    """Return one titled row of labelled tiles, left-aligned on a canvas ``width`` pixels wide.

    Args:
        title: Written above the row.
        tiles: Label and RGB picture [h, w, 3] of each tile; those that do not fit are left out.
        width: Pixels.
    """
    height = max(tile.shape[0] for _, tile in tiles)
    canvas = np.full((height + 2 * LABEL + 2 * GAP, width, 3), BACKGROUND, np.uint8)
    places, left = [], GAP
    for label, tile in tiles:
        if left + tile.shape[1] > width:
            break
        top = LABEL + GAP
        canvas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        places.append((left, top + height + 2, label))
        left += tile.shape[1] + GAP
    picture = Pillow.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    draw.text((GAP, 4), title, fill=INK, font=ImageFont.load_default(14))
    for x, y, label in places:
        draw.text((x, y), label, fill=INK, font=ImageFont.load_default(11))
    return np.asarray(picture, np.uint8)


def stacked(rows: Sequence[U8]) -> U8:
    """Return rows of equal width as one picture."""
    return np.concatenate(list(rows))
