"""Demosaicing: filling in the two colours that each pixel of a Bayer sensor does not see."""

from collections.abc import Callable

import numpy as np

from degrade.arrays import F32
from degrade.camera.planes import Planes, correlate, mirrored, namespace, window
from degrade.camera.variable_gradients import variable_gradients

_CROSS: F32 = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / np.float32(4)
_SQUARE: F32 = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / np.float32(4)


def _symmetric(text: str) -> F32:
    """Return a 5x5 kernel from rows of numbers in eighths."""
    rows = [row.split() for row in text.split("/")]
    return np.asarray(np.array(rows, np.float32) / 8, np.float32)


_GREEN = _symmetric("0 0 -1 0 0/0 0 2 0 0/-1 2 4 2 -1/0 0 2 0 0/0 0 -1 0 0")
_IN_ROW = _symmetric("0 0 .5 0 0/0 -1 0 -1 0/-1 4 5 4 -1/0 -1 0 -1 0/0 0 .5 0 0")
_OPPOSITE = _symmetric("0 0 -1.5 0 0/0 2 0 2 0/-1.5 0 6 0 -1.5/0 2 0 2 0/0 0 -1.5 0 0")


def bilinear(mosaic: Planes, masks: Planes) -> Planes:
    """Average each colour's nearest pixels.

    Args:
        mosaic: [B, 1, H, W].
        masks: [B, 3, H, W], 1 where a pixel sees red, green or blue.
    """
    seen, xp = mosaic * masks, namespace(mosaic)
    parts = [correlate(seen[:, i : i + 1], _CROSS if i == 1 else _SQUARE) for i in range(3)]
    return xp.concatenate(parts, 1)


def gradient_corrected(mosaic: Planes, masks: Planes) -> Planes:
    """Bilinear, corrected by the second differences of the colour that is there.

    Malvar, He and Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned
    color images" (ICASSP 2004), figure 2.
    """
    green, opposite = correlate(mosaic, _GREEN), correlate(mosaic, _OPPOSITE)
    in_row, in_column = correlate(mosaic, _IN_ROW), correlate(mosaic, _IN_ROW.T)
    return _filled(mosaic, masks, green, in_row, in_column, opposite)


def _filled(
    mosaic: Planes, masks: Planes, green: Planes, in_row: Planes, in_column: Planes, far: Planes
) -> Planes:
    """Put together which value each kind of pixel takes for each colour.

    At a green pixel ``in_row`` is the colour of its neighbours left and right, ``in_column`` that
    of those above and below.
    """
    red, its_green, blue = (masks[:, i : i + 1] for i in range(3))
    rows = _rows_of(red)
    in_red_row, in_blue_row = its_green * rows, its_green * (1 - rows)
    reds = red * mosaic + in_red_row * in_row + in_blue_row * in_column + blue * far
    blues = blue * mosaic + in_blue_row * in_row + in_red_row * in_column + red * far
    greens = its_green * mosaic + (1 - its_green) * green
    return namespace(mosaic).concatenate([reds, greens, blues], 1)


def _rows_of(mask: Planes) -> Planes:
    """Return 1 in the rows that have pixels of a mask."""
    beside = window(mirrored(mask, 1), 1, 0, 1)
    first = window(mirrored(mask, 1), 1, 0, -1)
    return namespace(mask).clip(mask + (beside + first), 0, 1)


def edge_aware(mosaic: Planes, masks: Planes) -> Planes:
    """Green along the smoother direction, then red and blue by their difference from green.

    Hamilton and Adams, US patent 5,629,734 (1997), expired.
    """
    xp, padded = namespace(mosaic), mirrored(mosaic, 2)

    def at(row: int, col: int) -> Planes:
        return window(padded, 2, row, col)

    def along(row: int, col: int) -> tuple[Planes, Planes]:
        near, far = (at(row, col), at(-row, -col)), (at(2 * row, 2 * col), at(-2 * row, -2 * col))
        bend = 2 * mosaic - far[0] - far[1]
        return (near[0] + near[1]) / 2 + bend / 4, abs(near[0] - near[1]) + abs(bend)

    across, across_step = along(0, 1)
    down, down_step = along(1, 0)
    even = (across + down) / 2
    green = xp.where(across_step < down_step, across, xp.where(down_step < across_step, down, even))
    full = masks[:, 1:2] * mosaic + (1 - masks[:, 1:2]) * green
    differences = [correlate((mosaic - full) * masks[:, i : i + 1], _SQUARE) for i in (0, 2)]
    return xp.concatenate([full + differences[0], full, full + differences[1]], 1)


def directional(mosaic: Planes, masks: Planes) -> Planes:
    """Bilinear, but green is the mean of the two neighbours that differ less.

    As OpenCV 4's edge-aware one.
    """
    padded, xp = mirrored(mosaic, 1), namespace(mosaic)
    left, right, above, below = (
        window(padded, 1, row, col) for row, col in ((0, -1), (0, 1), (-1, 0), (1, 0))
    )
    corners = [window(padded, 1, row, col) for row in (-1, 1) for col in (-1, 1)]
    in_row, in_column = (left + right) / 2, (above + below) / 2
    green = xp.where(abs(left - right) > abs(above - below), in_column, in_row)
    return _filled(mosaic, masks, green, in_row, in_column, sum(corners) / 4)


def by_gradients(mosaic: Planes, masks: Planes) -> Planes:
    """`variable_gradients`, put together."""
    green, opposite, in_row, in_column = variable_gradients(mosaic, masks)
    return _filled(mosaic, masks, green, in_row, in_column, opposite)


METHODS = {
    "bilinear": bilinear,
    "gradient-corrected": gradient_corrected,
    "edge-aware": edge_aware,
    "directional": directional,
    "variable gradients": by_gradients,
}
"""The functions by their names in `parameters.DEMOSAICING`."""
IN_TONES = {"variable gradients"}
"""Methods that compare pixels by their tones on a display, in 8 bits where libraries have them; the
others work in linear light."""


def demosaiced(
    mosaic: Planes, masks: Planes, method: str, to_tones: Callable[[Planes], Planes]
) -> Planes:
    """Return display tones [B, 3, H, W] of linear light that a mosaic of colours sees.

    Args:
        mosaic: [B, 1, H, W].
        masks: [B, 3, H, W], 1 where a pixel sees red, green or blue.
        method: Key of `METHODS`.
        to_tones: The tone curve, which some methods come after.
    """
    if method in IN_TONES:
        return METHODS[method](to_tones(mosaic), masks)
    return to_tones(METHODS[method](mosaic, masks))
