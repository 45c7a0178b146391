"""Transfer functions of generalised Gaussian kernels, exp(-c |x|^(2 exponent)), by a table."""

from functools import cache

import numpy as np
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
    from scipy.special import gamma  # a fifth of a second, when first needed

    ratio = gamma(2 / exponent) / gamma(1 / exponent)
    return float((ratio / 2) ** exponent)


def power_gain(frequency: F64, log_exponent: F64) -> tuple[F64, F64, F64]:
    """Return the squared transfer functions of kernels of unit variance, and their slopes.

    They are the table's, with cubics between its exponents and its frequencies: the slopes have no
    steps, over which a fit would stumble.

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
    inside = (log_exponent >= MIN_LOG) & (log_exponent < MAX_LOG)
    powers = (shape - row)[:, None] ** np.arange(4)
    rates = np.zeros_like(powers)
    rates[:, 1:] = powers[:, :3] * np.arange(1, 4) * (inside / span)[:, None]
    rows = table[row[:, None] + np.arange(4)].reshape(len(row), 4, -1)
    values, by_shape = (part @ _CUBIC @ rows for part in (powers[:, None], rates[:, None]))
    wide = np.concatenate([part.reshape(-1, 4) for part in (values, by_shape)], axis=1)

    place = np.minimum(frequency / _STEP, table.shape[1] - 1)
    cell = place.astype(np.intp)
    x = place - cell
    cell += table.shape[1] * np.arange(len(row)).reshape(-1, *[1] * (cell.ndim - 1))
    p0, p1, p2, p3, q0, q1, q2, q3 = np.moveaxis(wide.take(cell, axis=0), -1, 0)
    return (
        p0 + x * (p1 + x * (p2 + x * p3)),
        (p1 + x * (2 * p2 + 3 * x * p3)) / _STEP,
        q0 + x * (q1 + x * (q2 + x * q3)),
    )


_CUBIC = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
"""Catmull and Rom's cubic: weights of four values by powers of the place between the middle two."""


@cache
def _table() -> F64:
    """Return the [_SHAPES + 2, frequencies, 4] table: Hankel transforms by a fine sum.

    Each entry has the cubic of the squared transfer from its frequency to the next, in powers of
    the place between them. A row beyond the first and the last exponent goes on straight.
    """
    from scipy.special import j0  # a fifth of a second, when first needed

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
    value = np.pad(np.array(rows), ((1, 1), (0, 0)), mode="reflect", reflect_type="odd")
    # Between two frequencies Hermite's cubic through both values with the slopes that neighbours
    # tell; the transfer is even about 0, and beyond the last frequency nothing changes.
    around = np.pad(value, ((0, 0), (1, 2)), mode="reflect")
    around[:, -2:] = value[:, -1:]
    slope = (around[:, 2:] - around[:, :-2]) / 2
    slope[:, -2:] = 0
    rise, here, there = around[:, 2:-1] - value, slope[:, :-1], slope[:, 1:]
    return np.stack([value, here, 3 * rise - 2 * here - there, here + there - 2 * rise], axis=2)
