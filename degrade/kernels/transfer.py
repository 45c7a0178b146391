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


def power_gain(frequency: F64, log_exponent: F64) -> tuple[F64, F64, F64]:
    """Return the squared transfer functions of kernels of unit variance, and their slopes.

    All are the table's, linearly interpolated along both axes.

    Args:
        frequency: [K, ...] 2 pi |u| sigma, not negative.
        log_exponent: [K], 0 for a Gaussian, larger for flat tops; clipped to the table's range.

    Returns:
        The gain [K, ...], and its slopes by ``frequency``, 0 beyond the table, and by
        ``log_exponent``, 0 outside of its range.
    """
    table, span = _table(), (MAX_LOG - MIN_LOG) / (_SHAPES - 1)
    shape = (np.clip(log_exponent, MIN_LOG, MAX_LOG) - MIN_LOG) / span
    row = np.minimum(shape.astype(np.intp), _SHAPES - 2)
    lower, upper = table[row], table[row + 1]
    values = lower + (shape - row)[:, None] * (upper - lower)
    inside = (log_exponent >= MIN_LOG) & (log_exponent < MAX_LOG)
    by_shape = (upper - lower) * (inside / span)[:, None]

    last = table.shape[1] - 2
    place = np.minimum(frequency / _STEP, last)
    cell = place.astype(np.intp)
    part = place - cell
    cell += np.arange(len(cell)).reshape(-1, *[1] * (cell.ndim - 1)) * table.shape[1]
    gain, more = values.take(cell), by_shape.take(cell)
    rise = values.take(cell + 1) - gain
    further = by_shape.take(cell + 1) - more
    return gain + part * rise, rise / _STEP, more + part * further


@cache
def _table() -> F64:
    """Return the [_SHAPES, frequencies + 1] table: Hankel transforms by a fine sum.

    The last column stands twice: beyond the table nothing changes.
    """
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
    return np.pad(np.array(rows), ((0, 0), (0, 1)), mode="edge")
