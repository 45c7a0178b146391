"""The model that `spectral` fits to photos' power spectra, its gradient, and the robust fit."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from degrade.arrays import F64, I64
from degrade.kernels.parametric import power_gain
from degrade.kernels.spectrum import ANGLES, polar_bins

PIVOT = 0.2
"""Frequency at which A is the scene's power: about the middle of the band."""
LEAK = 1e-3
"""Power of a real kernel beyond its Gaussian, relative to its gain at 0 (-30 dB)."""
AMPLITUDES = 6
"""Index of the first amplitude among the parameters."""
MAX_AMPLITUDE = 30.0
"""The largest log amplitude of a direction, so that no step of a fit overflows."""


@dataclass(frozen=True)
class LogPower:
    """log P of the model in every bin, [K, B], and its gradient [K, 6 + ANGLES, B]."""

    value: F64
    gradient: F64


def log_power(points: F64, floor: F64, shaped: bool) -> LogPower:
    """Return the logarithm of the model's power in every polar bin, and its gradient.

    Args:
        points: [K, 6 + ANGLES]: m, a, b, log shape (`spectral.Blur`), alpha, log n / ``floor``, and
            log A per direction.
        floor: [B], power of the noise as measured.
        shaped: Whether the kernel may be other than a Gaussian.
    """
    forms, radius, directions = _geometry()
    scale, turned = _matrix_exponential(*points.T[:3])
    alpha, logs = points[:, 4, None], points[:, AMPLITUDES:]
    # Of all periods, [K, 9, B]: the power before it is folded, and its slopes by u'Su and by shape.
    square, fall = (scale @ forms.reshape(3, -1)), alpha * radius.ravel()
    shape = len(points), *radius.shape
    if shaped:
        scene = np.exp(-fall).reshape(shape)
        gain, at_square, at_shape = _gain(square.reshape(shape), points[:, 3])
        passed = scene * gain
        at_square *= scene
        leak = LEAK * scene[:, 0]
    else:
        passed = np.exp(-4 * np.pi**2 * square - fall).reshape(shape)
        at_square = -4 * np.pi**2 * passed
        leak = LEAK * np.exp(-alpha * radius[0])
    folded = passed.sum(axis=1) + leak
    amplitude = np.exp(np.maximum(np.minimum(logs, MAX_AMPLITUDE), -MAX_AMPLITUDE)) @ directions
    signal = amplitude * folded
    noise = floor * np.exp(points[:, 5, None])
    power = signal + noise
    level = amplitude / power
    gradient = np.zeros((len(points), AMPLITUDES + ANGLES, power.shape[1]))
    at_scale = (at_square[:, None] * forms).sum(axis=2)
    gradient[:, :3] = turned @ (at_scale * level[:, None])
    if shaped:
        gradient[:, 3] = (scene * at_shape).sum(axis=1) * level
    gradient[:, 4] = -((passed * radius).sum(axis=1) + leak * radius[0]) * level
    gradient[:, 5] = noise / power
    inside = (np.abs(logs) < MAX_AMPLITUDE)[..., None] * directions
    np.multiply((signal / power)[:, None], inside, out=gradient[:, AMPLITUDES:])
    return LogPower(np.log(power), gradient)


@cache
def _geometry() -> tuple[F64, F64, F64]:
    """Return what the bins' places say.

    Returns:
        [3, 9, B] x^2, 2 x y and y^2 of a bin (first) and of those that fold onto it, [9, B] the
        logarithm of their radius over PIVOT, and [ANGLES, B] 1 where a bin's direction is.
    """
    bins = polar_bins()
    x, y = bins.x.T, bins.y.T
    return (
        np.stack([x**2, 2 * x * y, y**2]),
        np.log(np.hypot(x, y) / PIVOT),
        np.eye(ANGLES)[:, bins.angle],
    )


def _gain(square: F64, log_shape: F64) -> tuple[F64, F64, F64]:
    """Return the kernels' squared transfer function of u'Su, and its slopes by that and by shape.

    A Gaussian's is exp(-4 pi^2 u'Su).
    """
    frequency = 2 * np.pi * np.sqrt(square)
    gain, slope, at_shape = power_gain(frequency, log_shape)
    return gain, slope * 2 * np.pi**2 / np.maximum(frequency, 1e-12), at_shape


def _matrix_exponential(m: F64, a: F64, b: F64) -> tuple[F64, F64]:
    """Return xx, xy and yy of S = exp [[m + a, b], [b, m - a]], and their slopes by m, a, b.

    exp = e^m (cosh s + [[a, b], [b, -a]] sinh s / s) with s = sqrt(a^2 + b^2).

    The parameters are [K] each, the matrices' entries [K, 3], and the slopes, parameter by
    parameter, [K, 3, 3].
    """
    turn = np.stack([a, b], axis=1)
    size = np.hypot(a, b)
    even = np.cosh(size)
    odd = np.where(size > 1e-6, np.sinh(size) / np.maximum(size, 1e-6), 1.0)
    # d odd / d a = bend * a
    bend = np.where(size > 1e-3, (even - odd) / np.maximum(size, 1e-3) ** 2, 1 / 3)
    # The slopes by m, a and b, in units of e^m, of the identity's share and of a's and b's.
    shares = np.empty((len(m), 3, 3))
    shares[:, 0, 0] = even
    shares[:, 0, 1:] = shares[:, 1:, 0] = odd[:, None] * turn
    shares[:, 1:, 1:] = turn[:, :, None] * (bend[:, None] * turn)[:, None]
    shares[:, 1, 1] += odd
    shares[:, 2, 2] += odd
    slopes = np.exp(m)[:, None, None] * shares @ _ENTRIES
    return slopes[:, 0], slopes


_ENTRIES = np.array([[1.0, 0, 1], [1, 0, -1], [0, 1, 0]])
"""xx, xy and yy of the identity, of [[1, 0], [0, -1]] and of [[0, 1], [1, 0]]."""


DAMPING = 1e-3
"""Damping at the start, in units of the curvature's diagonal (Marquardt's)."""
TOLERANCE = 3e-4
"""Fall of the cost below which a fit ends: a step that promises less, or that was kept and brought
less, is the last."""
MOST = 200
"""Steps that are tried at most."""


@dataclass(frozen=True)
class LocalQuadratic:
    """What K sums of squares are like around a point each.

    Attributes:
        cost: [K] the sums.
        slope: [K, n] half their gradients.
        curvature: [K, n, n] the products of the residuals' slopes (Gauss and Newton's).
    """

    cost: F64
    slope: F64
    curvature: F64

    def __add__(self, other: "LocalQuadratic") -> "LocalQuadratic":
        """Return what the sums of both are like."""
        parts = ((getattr(self, n), getattr(other, n)) for n in ("cost", "slope", "curvature"))
        return LocalQuadratic(*(one + another for one, another in parts))

    def of(self, rows: I64) -> "LocalQuadratic":
        """Return what some of the sums are like."""
        return LocalQuadratic(self.cost[rows], self.slope[rows], self.curvature[rows])


@dataclass(frozen=True)
class Minima:
    """Where the sums of squares of K problems are smallest.

    Attributes:
        points: [K, n].
        cost: [K] sum of the squared residuals there.
        variance: [K, n] of the parameters, where residuals have unit variance.
    """

    points: F64
    cost: F64
    variance: F64


def minimise(model: Callable[[F64, I64], LocalQuadratic], start: F64) -> Minima:
    """Find the minima by Levenberg and Marquardt's method.

    Each problem's steps are its own and end when it has converged, so that its result does not
    depend on which others are solved beside it.

    Args:
        model: What the problems [k], by their rows, are like around points [k, n].
        start: [K, n].
    """
    points, damping = start.copy(), np.full(len(start), DAMPING)
    rows = np.arange(len(start))
    here = model(points, rows)
    for _ in range(MOST):
        now = here.of(rows)
        steps, promised = _steps(now, damping[rows])
        tried = points[rows] + steps
        there = model(tried, rows)
        better = there.cost < now.cost
        least = TOLERANCE * now.cost
        found = rows[better]
        points[found] = tried[better]
        for old, new in zip(vars(here).values(), vars(there).values(), strict=True):
            old[found] = new[better]
        damping[rows] = np.where(better, damping[rows] / 10, damping[rows] * 10)
        rows = rows[(promised > least) & ~(better & (now.cost - there.cost <= least))]
        if not len(rows):
            break
    variance = np.diagonal(np.linalg.inv(here.curvature), axis1=1, axis2=2)
    return Minima(points, here.cost, variance)


def huber_sum(residuals: F64, slopes: F64, bend: float = 1.0) -> LocalQuadratic:
    """Return what sums of Huber's loss are like, linear beyond ``bend``.

    Each term is the square of a residual that grows as the root there.

    Args:
        residuals: [K, M].
        slopes: [K, n, M].
        bend: Where a term stops to grow as the square.
    """
    size = np.abs(residuals)
    near = np.minimum(size, bend)
    cost = near * (2 * size - near)  # the square, and beyond 2 bend size - bend^2
    pull = np.copysign(near, residuals)
    squared = np.divide(near, 2 * size - near, out=np.ones_like(size), where=size > near)
    turned = slopes.swapaxes(1, 2)
    return LocalQuadratic(
        cost.sum(axis=1),
        (slopes @ pull[..., None])[..., 0],
        (slopes * squared[:, None]) @ turned,
    )


def _steps(here: LocalQuadratic, damping: F64) -> tuple[F64, F64]:
    """Return the steps [K, n] and the fall [K] of the cost that they promise."""
    extra = damping[:, None] * np.diagonal(here.curvature, axis1=1, axis2=2)
    damped = here.curvature + extra[..., None] * np.eye(extra.shape[1])
    steps = np.linalg.solve(damped, -here.slope[..., None])[..., 0]
    # Of the undamped model: 2 s'd - s'Ns, with d = -slope and (N + E) s = d.
    promised: F64 = (steps * (extra * steps - here.slope)).sum(axis=1)
    return np.asarray(steps, np.float64), promised
