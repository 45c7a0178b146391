"""Least squares with Huber's loss, for some small problems of one kind at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from degrade.arrays import F64

DAMPING = 1e-3
"""At the start, in units of the normal matrix's diagonal (Marquardt's)."""
TOLERANCE = 1e-8
"""Of the cost: a step that promises less, or that was kept and brought less, is the last."""
MOST = 200
"""Steps that are tried at most."""


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


def minimise(model: Callable[[F64], tuple[F64, F64]], start: F64) -> Minima:
    """Find the minima by Levenberg and Marquardt's method.

    Each problem's steps are its own and end when it has converged, so that its result does not
    depend on which others are solved beside it.

    Args:
        model: From points [K, n] to the residuals [K, M] and their slopes [K, M, n].
        start: [K, n].
    """
    points, damping = start.copy(), np.full(len(start), DAMPING)
    residuals, slopes = model(points)
    cost = np.square(residuals).sum(axis=1)
    going = np.ones(len(start), bool)
    for _ in range(MOST):
        normal, downhill = _normal(residuals, slopes)
        steps, promised = _steps(normal, downhill, damping)
        tried = points + steps
        fresh, their_slopes = model(tried)
        found = np.square(fresh).sum(axis=1)
        better = going & (found < cost)
        least = TOLERANCE * cost
        going &= (promised > least) & ~(better & (cost - found <= least))
        points[better], residuals[better] = tried[better], fresh[better]
        slopes[better], cost[better] = their_slopes[better], found[better]
        damping = np.where(better, damping / 10, damping * 10)
        if not going.any():
            break
    normal, _ = _normal(residuals, slopes)
    return Minima(points, cost, np.diagonal(np.linalg.inv(normal), axis1=1, axis2=2))


def huber(residuals: F64, bend: float = 1.0) -> tuple[F64, F64]:
    """Return what, squared, is Huber's loss, linear beyond ``bend``; and its slope."""
    size = np.abs(residuals)
    beyond = np.sqrt(np.maximum(2 * bend * size - bend**2, bend**2))
    near = size < bend
    values = np.where(near, residuals, np.copysign(beyond, residuals))
    return np.asarray(values), np.where(near, 1.0, bend / beyond)


def _normal(residuals: F64, slopes: F64) -> tuple[F64, F64]:
    """Return the normal matrices [K, n, n] and the way downhill [K, n, 1]."""
    turned = slopes.swapaxes(1, 2)
    return turned @ slopes, -(turned @ residuals[..., None])


def _steps(normal: F64, downhill: F64, damping: F64) -> tuple[F64, F64]:
    """Return the steps [K, n] and the fall [K] of the cost that they promise."""
    count = normal.shape[1]
    extra = damping[:, None] * np.diagonal(normal, axis1=1, axis2=2)
    damped = normal + extra[..., None] * np.eye(count)
    steps = np.linalg.solve(damped, downhill)[..., 0]
    # Of the undamped model: 2 s'd - s'Ns, with (N + E) s = d.
    promised: F64 = (steps * downhill[..., 0] + extra * steps**2).sum(axis=1)
    return np.asarray(steps, np.float64), promised
