"""Small pictures for people: labelled tiles in rows, from arrays."""

from collections.abc import Sequence

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


def enlarge(image: Image, side: int) -> U8:
    """Return an image scaled so that its longer side is ``side`` pixels, pixels kept visible."""
    factor = side / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    shrinking = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(to_uint8(image), size, interpolation=shrinking), np.uint8)


def kernel_picture(kernel: F32, side: int) -> U8:
    """Return a kernel [S, S] as a picture, black = 0, white = its largest weight."""
    grey = np.clip(kernel / max(float(kernel.max()), 1e-12), 0, 1).astype(np.float32)
    return enlarge(np.repeat(grey[:, :, None], 3, axis=2), side)


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
