"""Transfer functions of generalised Gaussian kernels, exp(-c |x|^(2 exponent)), by a table."""

from functools import cache

import numpy as np
from scipy.special import gamma, j0
from threadpoolctl import threadpool_limits

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


def power_gain(frequency: F64, log_exponent: float) -> tuple[F64, F64]:
    """Return the squared transfer function of a kernel of unit variance, and its slope.

    Both are the table's, linearly interpolated; the slope is by ``frequency``, 0 beyond the table.

    Args:
        frequency: 2 pi |u| sigma, any shape, not negative.
        log_exponent: 0 for a Gaussian, larger for flat tops; clipped to the table's range.
    """
    shape = (np.clip(log_exponent, MIN_LOG, MAX_LOG) - MIN_LOG) / (MAX_LOG - MIN_LOG)
    row, part = divmod(shape * (_SHAPES - 1), 1)
    table, row = _table(), int(row)
    values = (1 - part) * table[row] + part * table[min(row + 1, _SHAPES - 1)]
    steps = np.append(np.diff(values), 0.0)
    place = np.minimum(frequency / _STEP, len(values) - 1)
    cell = place.astype(np.intp)
    return values[cell] + (place - cell) * steps[cell], steps[cell] / _STEP


@cache
def _table() -> F64:
    """Return the [_SHAPES, frequencies] table: Hankel transforms by a fine sum."""
    radius = np.linspace(0, 12, 3001)
    waves = j0(np.outer(np.arange(0, _REACH + _STEP, _STEP), radius))
    rows = []
    for log_exponent in np.linspace(MIN_LOG, MAX_LOG, _SHAPES):
        exponent = float(np.exp(log_exponent))
        density = radius * np.exp(-variance_factor(exponent) * radius ** (2 * exponent))
        # One thread, whoever asks first: BLAS adds up differently over several, and what is kept
        # here is used by every task of the process.
        with threadpool_limits(1, user_api="blas"):
            rows.append((waves @ density / density.sum()) ** 2)
    return np.array(rows)
