"""Kernels given by a formula, and the transfer functions of generalised Gaussian ones."""

from functools import cache

import numpy as np
from threadpoolctl import threadpool_limits

from degrade.arrays import F32, F64

_FINE = 5
"""Samples per pixel and axis of kernels with steep flanks."""


def gaussian_kernel(sigmas: tuple[float, float], angle: float, size: int) -> F32:
    """Return an anisotropic Gaussian kernel, k(u) ~ exp(-u' S^-1 u / 2).

    Args:
        sigmas: Standard deviations along the kernel's two axes, in HR pixels.
        angle: From the x axis (columns, rightwards) to the first axis, radians, towards larger
            rows.
        size: Side of the canvas.

    Returns:
        [size, size] float32, sum 1, centred at (size - 1) / 2.
    """
    place = np.arange(size) - (size - 1) / 2
    rows, cols = np.meshgrid(place, place, indexing="ij")
    along = (cols * np.cos(angle) + rows * np.sin(angle)) / sigmas[0]
    across = (rows * np.cos(angle) - cols * np.sin(angle)) / sigmas[1]
    weights = np.exp(-0.5 * (along**2 + across**2))
    return np.asarray(weights / weights.sum(), np.float32)


def generalised_kernel(
    sigmas: tuple[float, float], angle: float, exponent: float, size: int
) -> F32:
    """Return a kernel k(u) ~ exp(-c (u' S^-1 u)^exponent) whose covariance is S.

    Args:
        sigmas: As for `gaussian_kernel`, which the exponent 1 gives.
        angle: Likewise.
        exponent: Above 1 the top is flatter and the flanks are steeper, up to a disc's; below 1
            the tails are heavier.
        size: Side of the canvas.

    Returns:
        [size, size] float32, sum 1, centred at (size - 1) / 2.
    """
    if exponent == 1:
        return gaussian_kernel(sigmas, angle, size)
    place = (np.arange(size * _FINE) + 0.5) / _FINE - size / 2
    rows, cols = np.meshgrid(place, place, indexing="ij")
    # Averaging over a pixel adds its own variance of 1/12.
    first, second = (np.sqrt(max(sigma**2 - 1 / 12, 1 / 48)) for sigma in sigmas)
    along = (cols * np.cos(angle) + rows * np.sin(angle)) / first
    across = (rows * np.cos(angle) - cols * np.sin(angle)) / second
    fine = np.exp(-variance_factor(exponent) * (along**2 + across**2) ** exponent)
    weights = fine.reshape(size, _FINE, size, _FINE).mean(axis=(1, 3))
    return np.asarray(weights / weights.sum(), np.float32)


def shape_exponent(kernel: F32) -> float:
    """Return the exponent of the generalised Gaussian with a kernel's kurtosis (Mardia's).

    E (u' S^-1 u)^2 is 8 for a Gaussian, for which the exponent is 1, and 16/3 for an ellipse.

    Args:
        kernel: [S, S] non-negative.

    Returns:
        The exponent, between the 0.4 and 8 that the spectral estimator knows; 0 if the kernel is
        empty or narrower than a pixel.
    """
    from scipy.special import gammaln  # a fifth of a second, when first needed

    major, minor, angle = gaussian_parameters(kernel)
    if minor < 0.3:
        return 0.0
    place = np.arange(kernel.shape[0], dtype=np.float64)
    rows, cols = np.meshgrid(place, place, indexing="ij")
    weights = kernel.astype(np.float64) / kernel.sum(dtype=np.float64)
    row, col = rows - (weights * rows).sum(), cols - (weights * cols).sum()
    along = (col * np.cos(angle) + row * np.sin(angle)) / major
    across = (row * np.cos(angle) - col * np.sin(angle)) / minor
    kurtosis = float((weights * (along**2 + across**2) ** 2).sum())
    logs = np.linspace(MIN_LOG, MAX_LOG, 400)
    inverse = np.exp(-logs)
    known = 4 * np.exp(gammaln(3 * inverse) + gammaln(inverse) - 2 * gammaln(2 * inverse))
    return float(np.exp(logs[np.abs(known - kurtosis).argmin()]))


def gaussian_parameters(kernel: F32) -> tuple[float, float, float]:
    """Return the larger sigma, the smaller and the first's angle of a kernel, by second moments.

    Args:
        kernel: [S, S] non-negative, sum 1.

    Returns:
        Standard deviations in HR pixels along the principal axes, and the angle in radians, 0 to
        pi, as `gaussian_kernel` takes them; zeros for an empty kernel.
    """
    total = float(kernel.sum())
    if total <= 0:
        return 0.0, 0.0, 0.0
    place = np.arange(kernel.shape[0], dtype=np.float64)
    rows, cols = np.meshgrid(place, place, indexing="ij")
    weights = kernel.astype(np.float64) / total
    row, col = rows - (weights * rows).sum(), cols - (weights * cols).sum()
    cross = (weights * row * col).sum()
    moments = np.array([[(weights * col**2).sum(), cross], [cross, (weights * row**2).sum()]])
    variances, axes = np.linalg.eigh(moments)
    minor, major = np.sqrt(np.maximum(variances, 0))
    return float(major), float(minor), float(np.arctan2(axes[1, 1], axes[0, 1]) % np.pi)


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
