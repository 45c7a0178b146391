"""How coarsely JPEG quantised a photo, read from the comb that its coefficients form."""

import cv2
import numpy as np

from degrade.arrays import F32, F64

STEPS = np.arange(3, 60)
"""Quantisation steps that are told; rounding to 8 bit blurs smaller ones."""
MIN_COMB = 0.35
"""Mean cos(2 pi c / step) of coefficients c for which they count as its multiples; 0 by chance."""
MIDDLE = 512
"""Side of the part of a photo that is looked at; larger ones cost more and tell no more."""
MIN_COEFFICIENTS = 40
"""Coefficients beyond zero that are needed to see a comb."""
LOWEST = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (2, 2))
"""Row and column of the AC coefficients whose steps are looked at."""
_HIGH = ((4, 4), (5, 5))


def quantisation_step(grey: F32) -> int:
    """Return the median quantisation step of the lowest AC coefficients, in levels.

    The standard luma table (ITU-T T.81, Annex K) scaled as the IJG does has about 13 at quality
    50, 10 at 60, 5 at 80 and 2 at 90.

    Args:
        grey: [H, W] in levels of 0..255; the 8x8 grid may start anywhere.

    Returns:
        The step, or 0 where there is none to be seen.
    """
    if min(grey.shape) < 64:
        return 0
    top, left = (max(0, (side - MIDDLE) // 2) for side in grey.shape)
    grey = grey[top : top + MIDDLE, left : left + MIDDLE]
    row, col = _phase(grey)
    steps = [_step(_coefficients(grey, *which)[row::8, col::8].ravel()) for which in LOWEST]
    return int(np.median(steps))


def _phase(grey: F32) -> tuple[int, int]:
    """Return where the grid starts: where most high coefficients are zero."""
    zeros = np.zeros((8, 8))
    for which in _HIGH:
        small = np.abs(_coefficients(grey, *which)) < 0.75
        rows, cols = small.shape[0] // 8 * 8, small.shape[1] // 8 * 8
        zeros += small[:rows, :cols].reshape(rows // 8, 8, cols // 8, 8).mean(axis=(0, 2))
    row, col = np.unravel_index(zeros.argmax(), zeros.shape)
    return int(row), int(col)


def _coefficients(grey: F32, row: int, col: int) -> F32:
    """Return one DCT coefficient of the 8x8 block that starts at each pixel."""
    along, across = _basis(col), _basis(row)
    found = cv2.sepFilter2D(grey, cv2.CV_32F, along, across, anchor=(0, 0))
    return np.asarray(found[: grey.shape[0] - 7, : grey.shape[1] - 7])


def _basis(index: int) -> F64:
    wave = np.cos((np.arange(8) + 0.5) * index * np.pi / 8)
    return np.asarray(wave / np.linalg.norm(wave))


def _step(coefficients: F32) -> int:
    """Return the largest step that coefficients are multiples of, or 0."""
    best = 0
    for step in STEPS.tolist():
        beyond = coefficients[np.abs(coefficients) > 0.6 * step]
        if len(beyond) >= MIN_COEFFICIENTS and np.cos(2 * np.pi / step * beyond).mean() > MIN_COMB:
            best = step
    return best
