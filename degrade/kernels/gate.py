"""Whether a photo can tell its blur at all; if not, every estimator leaves it alone."""

import numpy as np

from degrade.arrays import F32, Image
from degrade.images.colour import luma
from degrade.images.outliers import MAX_CLIPPED, MAX_FLAT
from degrade.images.scores import scores_of
from degrade.kernels.compression import quantisation_step

MAX_GRID = 1.5
"""Mean step across the lines of JPEG's 8x8 grid, relative to the steps beside them."""
MAX_STEP = 4
"""Quantisation step of JPEG's lowest frequencies, levels: 5 is the IJG's quality 80, at which the
mean L1 error of kernels is twice that of quality 95."""
MIN_BLOCKS = 16


def unfit(photo: Image, least: int) -> str:
    """Return why a photo cannot tell its blur; empty if it may.

    Args:
        photo: [H, W, 3]; uint8, or float32 in [0, 1].
        least: Pixels that its shorter side needs.
    """
    height, width = photo.shape[:2]
    if min(height, width) < least:
        return f"{width}x{height} pixels, too small: each side needs {least} or more"
    grey = luma(photo) * np.float32(1 if photo.dtype == np.uint8 else 255)
    if not np.isfinite(grey).all():
        return "some pixels are not finite numbers"
    # The pixels themselves are compared: the sum of three channels may round differently by column.
    along = [bool(np.array_equal(photo[1:], photo[:-1]))]
    along.append(bool(np.array_equal(photo[:, 1:], photo[:, :-1])))
    if all(along):
        return "flat: all pixels have one value"
    if any(along):
        return "constant along one axis: the blur along it cannot be seen"
    # The scores are those that `check` judges all photos by, so that one photo has one verdict.
    scores = scores_of(photo)
    if scores["clipped"] > MAX_CLIPPED:
        return f"saturated: {scores['clipped']:.0%} of its pixels are black or white"
    step = quantisation_step(grey)
    if step > MAX_STEP:
        return (
            f"heavily JPEG-compressed (its coefficients are multiples of {step} levels): the "
            "kernel would describe the compression"
        )
    grid = grid_strength(grey)
    if grid > MAX_GRID:
        return (
            f"heavily JPEG-compressed (steps at its 8x8 grid are {grid:.1f} times the others): the "
            "kernel would describe the compression"
        )
    if scores["flat"] > MAX_FLAT:
        return f"a drawing or text: {scores['flat']:.0%} of its pixels have no gradient at all"
    return ""


def grid_strength(grey: F32) -> float:
    """Return how much larger the steps across an 8-pixel grid are than those beside it, at least 1.

    The grid may start anywhere (photos are cropped): the strongest of the 8 phases counts, by the
    median over rows or columns, against the median phase. 1 for photos of few blocks, where a
    pattern can pass for the grid.

    Args:
        grey: [H, W] in levels of 0..255.
    """
    if min(grey.shape) < 8 * MIN_BLOCKS:
        return 1.0
    strengths = []
    for axis in (0, 1):
        steps = np.abs(np.diff(grey, axis=axis)).mean(axis=1 - axis)
        length = len(steps) // 8 * 8
        phases = np.median(steps[:length].reshape(-1, 8), axis=0)
        strengths.append(float((phases.max() + 0.1) / (np.median(phases) + 0.1)))
    return max(1.0, min(strengths))
