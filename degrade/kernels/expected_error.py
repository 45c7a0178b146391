"""A kernel's score: the L1 distance from the truth that is expected from its photo's spectrum."""

import numpy as np

from degrade.arrays import F32
from degrade.kernels.shape import l1_distance
from degrade.kernels.spectral import Blur, SpectralEstimate

LEVEL, HALVES, COST, NOISE, FLOOR, SIGMA = -2.629, 0.417, 0.062, 0.124, 0.094, 0.348
"""log (L1 + OFFSET) is linear in the predictors: least squares over 380 photos of cameras simulated
with `benchmarks.simulated_photos`, seeds 0 to 3, without those that are refused now."""
OFFSET = 0.05
TOLERANCE = 0.3
"""Expected L1 at which the score is 1/e."""
MIN_SCORE = 0.05
"""Least score that is accepted: below, the spectral fit itself expects an L1 error of 0.9, no
better than a guess."""
UNSURE = "its parts tell different blurs: no single kernel explains the photo"
"""Why a photo below `MIN_SCORE` is refused."""


def distance(a: Blur, b: Blur) -> float:
    """Return the distance of two blurs, sqrt(2) |log Sa - log Sb|; about L1 where it is small."""
    return float(np.sqrt((np.array([2, 1, 1]) * (a.values[:3] - b.values[:3]) ** 2).sum()))


def expected_error(estimate: SpectralEstimate) -> float:
    """Return the expected L1 distance of an estimate's kernel from the true one.

    The photo's halves were blurred by one kernel and hold different scenes, so what they disagree
    in is the scenes' doing; the cost says how badly the model describes the scene; noise, and a
    floor that had to be moved (JPEG), hide the band's upper end, as a wide blur does.
    """
    halves = float(np.mean([distance(half, estimate.blur) for half in estimate.halves]))
    predictors = (
        HALVES * halves
        + COST * np.sqrt(estimate.cost)
        + NOISE * estimate.noise
        + FLOOR * estimate.floor_moved
        + SIGMA * np.exp(estimate.blur.values[0] / 2)
    )
    return float(max(np.exp(LEVEL + predictors) - OFFSET, 0.0))


def score(estimate: SpectralEstimate, kernel: F32, scale: int) -> float:
    """Return the quality in [0, 1] of a photo's kernel, by whichever estimator it was made.

    The spectral estimate's own expected error, and how far the kernel lies from it.
    """
    apart = l1_distance(kernel, estimate.blur.kernel(scale))
    return as_score(float(np.hypot(expected_error(estimate), apart)))


def as_score(error: float) -> float:
    """Return an expected L1 distance as a score in [0, 1]."""
    return float(np.exp(-error / TOLERANCE))


def as_error(score: float) -> float:
    """Return the expected L1 distance of a score, `as_score` the other way round; at most 2."""
    return float(min(2.0, -TOLERANCE * np.log(max(score, 1e-9))))
