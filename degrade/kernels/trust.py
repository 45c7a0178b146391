"""How far a spectral kernel is to be trusted: its expected L1 distance from the truth."""

import numpy as np

from degrade.arrays import F32
from degrade.kernels.shape import l1_distance
from degrade.kernels.spectral import Blur, SpectralEstimate

HALVES, ANISOTROPY, MISFIT = 0.5, 0.25, 0.2
"""L1 per unit of each witness: non-negative least squares on sharp photos degraded on purpose."""
TOLERANCE = 0.3
"""Expected L1 at which the score is 1/e."""


def distance(a: Blur, b: Blur) -> float:
    """Return the distance of two blurs, sqrt(2) |log Sa - log Sb|; about L1 where it is small."""
    return float(np.sqrt((np.array([2, 1, 1]) * (a.values[:3] - b.values[:3]) ** 2).sum()))


def expected_error(estimate: SpectralEstimate) -> float:
    """Return the expected L1 distance of an estimate's kernel from the true one.

    The photo's halves were blurred by one kernel and hold different scenes, so what they disagree
    in is the scenes' doing; so, mostly, is a strong anisotropy, which kernels have less often
    than scenes; the misfit says how badly the power law describes the scene.
    """
    halves = float(np.mean([distance(half, estimate.blur) for half in estimate.halves]))
    anisotropy = float(np.hypot(*estimate.blur.values[1:3]))
    return HALVES * halves + ANISOTROPY * anisotropy + MISFIT * estimate.misfit


def score(estimate: SpectralEstimate, kernel: F32, scale: int) -> float:
    """Return the quality in [0, 1] of a photo's kernel, by whichever estimator it was made.

    The spectral estimate's own expected error, and how far the kernel lies from it.
    """
    apart = l1_distance(kernel, estimate.blur.kernel(scale))
    return as_score(float(np.hypot(expected_error(estimate), apart)))


def as_score(error: float) -> float:
    """Return an expected L1 distance as a score in [0, 1]."""
    return float(np.exp(-error / TOLERANCE))
