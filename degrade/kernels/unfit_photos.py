"""Whether a photo shows its blur at all; if not, every estimator refuses it."""

import cv2
import numpy as np

from degrade.arrays import Image
from degrade.images.colour import grey_levels
from degrade.images.outliers import MAX_CLIPPED, MAX_FLAT
from degrade.images.scores import constant_along, scores_of
from degrade.kernels.compression import middle, quantisation_step

MAX_GRID = 1.5
"""Mean step across the lines of JPEG's 8x8 grid, relative to the steps beside them."""
MAX_STEP = 4
"""Quantisation step of JPEG's lowest frequencies, levels: 5 is the IJG's quality 80, at which the
mean L1 error of kernels is twice that of quality 95."""
MIN_BLOCKS = 16
LINES = 128
"""Fewest lines along which steps are averaged; more cost more and show no more."""


def unfit(photo: Image, least: int) -> str:
    """Return why a photo cannot show its blur; empty if it may.

    Args:
        photo: [H, W, 3]; uint8, or float32 in [0, 1].
        least: Pixels that its shorter side needs.
    """
    height, width = photo.shape[:2]
    if min(height, width) < least:
        return f"{width}x{height} pixels, too small: each side needs {least} or more"
    if photo.dtype != np.uint8 and not np.isfinite(photo).all():
        return "some pixels are not finite numbers"
    # On the pixels themselves: the sum of three channels may round differently by column.
    along = constant_along(photo)
    if all(along):
        return "flat: all pixels have one value"
    if any(along):
        return "constant along one axis: the blur along it cannot be seen"
    # The scores are those that `check` judges all photos by, so that one photo has one verdict.
    scores = scores_of(photo, names=("clipped", "flat"))
    if scores["clipped"] > MAX_CLIPPED:
        return f"saturated: {scores['clipped']:.0%} of its pixels are black or white"
    step = quantisation_step(grey_levels(middle(photo)))
    if step > MAX_STEP:
        return (
            f"heavily JPEG-compressed (its coefficients are multiples of {step} levels): the "
            "kernel would describe the compression"
        )
    grid = grid_strength(photo)
    if grid > MAX_GRID:
        return (
            f"heavily JPEG-compressed (steps at its 8x8 grid are {grid:.1f} times the others): the "
            "kernel would describe the compression"
        )
    if scores["flat"] > MAX_FLAT:
        return f"a drawing or text: {scores['flat']:.0%} of its pixels have no gradient at all"
    return ""


def grid_strength(photo: Image) -> float:
    """Return how much larger the steps across an 8-pixel grid are than those beside it, at least 1.

    The grid may start anywhere (photos are cropped): the strongest of the 8 phases counts, by the
    median over rows or columns, against the median phase. 1 for photos of few blocks, where a
    pattern can pass for the grid.

    Args:
        photo: [H, W, 3]; uint8, or float32 in [0, 1]. Each direction is looked at along `LINES` or
            more lines that are spread over it.
    """
    if min(photo.shape[:2]) < 8 * MIN_BLOCKS:
        return 1.0
    height, width = photo.shape[:2]
    down, across = (max(1, side // LINES) for side in (height, width))
    rows = grey_levels(photo[::down])
    cut = photo[:, : width // across * across]  # a divisible width, or other columns are taken
    size = cut.shape[1] // across, height
    thinned: Image = cv2.resize(cut, size, interpolation=cv2.INTER_NEAREST)  # type: ignore[assignment]
    columns = grey_levels(thinned)
    strengths = []
    for lines, axis in ((columns, 0), (rows, 1)):
        before, after = (lines[:-1], lines[1:]) if axis == 0 else (lines[:, :-1], lines[:, 1:])
        steps = cv2.reduce(cv2.absdiff(after, before), 1 - axis, cv2.REDUCE_AVG).ravel()
        length = len(steps) // 8 * 8
        phases = np.median(steps[:length].reshape(-1, 8), axis=0)
        strengths.append(float((phases.max() + 0.1) / (np.median(phases) + 0.1)))
    return max(1.0, min(strengths))
