"""How coarsely JPEG quantised a photo, read from the comb that its coefficients form."""

from functools import cache

import cv2
import numpy as np

from degrade.arrays import F32, F64, I64, Image

STEPS = np.arange(3, 60)
"""Quantisation steps that are recognised; rounding to 8 bits blurs smaller ones."""
MIN_COMB = 0.35
"""Mean cos(2 pi c / step) of coefficients c for which they count as its multiples; 0 by chance."""
MIDDLE = 512
"""Side of the part of a photo that is analysed; larger ones cost more and show no more."""
ENOUGH = 256
"""Side of its middle that shows where the grid starts."""
MIN_COEFFICIENTS = 40
"""Coefficients beyond zero that are needed to see a comb."""
LOWEST = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (2, 2))
"""Row and column of the AC coefficients whose steps are looked at."""
_HIGH = ((4, 4), (5, 5))
_ZERO = 0.75
"""Size of a coefficient that rounding to 8 bit makes of zero at most, nearly always."""
_FINE = 8
"""Cells of a level that coefficients are counted in."""
_CELLS = 256 * _FINE
"""Coefficients beyond these cells are as large as a step of 256 levels, and rare."""


def quantisation_step(grey: F32) -> int:
    """Return the median quantisation step of the lowest AC coefficients, in levels.

    The standard luma table (ITU-T T.81, Annex K) scaled as the IJG does has about 13 at quality
    50, 10 at 60, 5 at 80 and 2 at 90.

    Args:
        grey: [H, W] in levels of 0..255; the 8x8 grid may start anywhere. Its `middle` counts.

    Returns:
        The step, or 0 where there is none to be seen.
    """
    if min(grey.shape) < 64:
        return 0
    levels = np.asarray(middle(grey), np.float32)
    row, col = _phase(levels)
    found = _coefficients(levels[row:, col:])
    return int(np.median(_steps(np.stack([found[which] for which in LOWEST]))))


def middle(image: Image) -> Image:
    """Return the part of a photo [H, W, ...] that is looked at, `MIDDLE` pixels wide at most."""
    top, left = (max(0, (side - MIDDLE) // 2) for side in image.shape[:2])
    return image[top : top + MIDDLE, left : left + MIDDLE]


def _phase(grey: F32) -> tuple[int, int]:
    """Return where the grid starts: where most high coefficients are zero."""
    top, left = (max(0, (side - ENOUGH) // 16 * 8) for side in grey.shape)
    grey = grey[top : top + ENOUGH, left : left + ENOUGH]
    zeros = np.zeros((8, 8))
    rows, cols = (8 * ((side - 7) // 8) for side in grey.shape)
    for down, right in _HIGH:
        along, across = _BASIS[right], _BASIS[down]
        every = cv2.sepFilter2D(grey, cv2.CV_32F, along, across, anchor=(0, 0))[:rows, :cols]
        small = cv2.inRange(every, -_ZERO, _ZERO).reshape(rows // 8, 8 * cols)
        zeros += cv2.reduce(small, 0, cv2.REDUCE_AVG).reshape(8, -1, 8).mean(axis=1)
    row, col = divmod(int(zeros.argmax()), 8)
    return row, col


_BASIS: F64 = np.cos(np.outer(np.arange(8), np.arange(8) + 0.5) * np.pi / 8)
_BASIS /= np.linalg.norm(_BASIS, axis=1, keepdims=True)
"""[8, 8]: the waves of the 8x8 cosine transform, a row each."""


def _coefficients(grey: F32) -> F32:
    """Return the low DCT coefficients [3, 3, n] of the n whole 8x8 blocks of a grey image."""
    rows, cols = (side // 8 for side in grey.shape)
    waves = _BASIS[:3].astype(np.float32)
    bands = waves @ grey[: 8 * rows, : 8 * cols].reshape(rows, 8, 8 * cols)
    blocks = bands.reshape(rows, 3, cols, 8) @ waves.T
    return np.asarray(blocks.transpose(1, 3, 0, 2).reshape(3, 3, -1))


def _steps(coefficients: F32) -> I64:
    """Return the largest step [k] that rows of coefficients [k, n] are multiples of, or 0."""
    cells = np.minimum(np.abs(coefficients) * _FINE, _CELLS).astype(np.intp)
    places = cells + (_CELLS + 1) * np.arange(len(cells))[:, None]
    counts = np.bincount(places.ravel(), minlength=len(cells) * (_CELLS + 1))
    within = counts.reshape(len(cells), -1)[:, :_CELLS].astype(np.float32)
    beyond, comb = within @ _combs()
    tells = (beyond >= MIN_COEFFICIENTS) & (comb > MIN_COMB * beyond)
    largest: I64 = np.where(tells, STEPS, 0).max(axis=1)
    return largest


@cache
def _combs() -> F32:
    """Return [2, cells, steps] 1, and cos(2 pi c / step), of the coefficients that show a step.

    Those near zero are multiples of any step.
    """
    size = (np.arange(_CELLS)[:, None] + 0.5) / _FINE
    beyond = size >= 0.6 * STEPS
    wave = np.cos(2 * np.pi * size / STEPS)
    return np.stack([beyond, beyond * wave]).astype(np.float32)
