"""Transfer functions of generalised Gaussian kernels, exp(-c |x|^(2 exponent)), by a table."""

from functools import cache

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.special import gamma, j0

from degrade.arrays import F64

MIN_LOG, MAX_LOG = float(np.log(0.4)), float(np.log(8))
"""Range of the exponent's logarithm: from heavier tails than Laplace's to nearly a disc."""
_SHAPES = 25
_REACH = 16.0
"""Largest tabulated frequency; what passes beyond is below -40 dB for every exponent."""
_STEP = 0.05


def variance_factor(exponent: float) -> float:
    """Return c for which exp(-c r^(2 exponent)) has the variance 1 along each axis.

    E r^2 = c^(-1 / exponent) gamma(2 / exponent) / gamma(1 / exponent), which must be 2.
    """
    ratio = gamma(2 / exponent) / gamma(1 / exponent)
    return float((ratio / 2) ** exponent)


def power_gain(frequency: F64, log_exponent: float) -> F64:
    """Return the squared transfer function of a kernel of unit variance, linearly interpolated.

    Args:
        frequency: 2 pi |u| sigma, any shape, not negative.
        log_exponent: 0 for a Gaussian, larger for flat tops; clipped to the table's range.
    """
    shape = (np.clip(log_exponent, MIN_LOG, MAX_LOG) - MIN_LOG) / (MAX_LOG - MIN_LOG)
    place = np.minimum(frequency / _STEP, _REACH / _STEP).ravel()
    row = np.full(place.shape, shape * (_SHAPES - 1))
    values = map_coordinates(_table(), [row, place], order=1, mode="nearest")
    return np.asarray(values.reshape(frequency.shape), np.float64)


@cache
def _table() -> F64:
    """Return the [_SHAPES, frequencies] table: Hankel transforms by a fine sum."""
    radius = np.linspace(0, 12, 3001)
    waves = j0(np.outer(np.arange(0, _REACH + _STEP, _STEP), radius))
    rows = []
    for log_exponent in np.linspace(MIN_LOG, MAX_LOG, _SHAPES):
        exponent = float(np.exp(log_exponent))
        density = radius * np.exp(-variance_factor(exponent) * radius ** (2 * exponent))
        rows.append((waves @ density / density.sum()) ** 2)
    return np.array(rows)
