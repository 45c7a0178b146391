"""Least squares with Huber's loss, for some small problems of one kind at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from degrade.arrays import F64

DAMPING = 1e-3
"""At the start, in units of the curvature's diagonal (Marquardt's)."""
TOLERANCE = 1e-7
"""Of the cost: a step that promises less, or that was kept and brought less, is the last."""
MOST = 200
"""Steps that are tried at most."""


@dataclass(frozen=True)
class Local:
    """What K sums of squares are like around a point each.

    Attributes:
        cost: [K] the sums.
        slope: [K, n] half their gradients.
        curvature: [K, n, n] the products of the residuals' slopes (Gauss and Newton's).
    """

    cost: F64
    slope: F64
    curvature: F64

    def __add__(self, other: "Local") -> "Local":
        """Return what the sums of both are like."""
        parts = ((getattr(self, n), getattr(other, n)) for n in ("cost", "slope", "curvature"))
        return Local(*(one + another for one, another in parts))


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


def minimise(
    model: Callable[[F64], Local], start: F64, tolerance: float = TOLERANCE, most: int = MOST
) -> Minima:
    """Find the minima by Levenberg and Marquardt's method.

    Each problem's steps are its own and end when it has converged, so that its result does not
    depend on which others are solved beside it.

    Args:
        model: What the problems are like around points [K, n].
        start: [K, n].
        tolerance: As `TOLERANCE`.
        most: As `MOST`.
    """
    points, damping = start.copy(), np.full(len(start), DAMPING)
    here = model(points)
    going = np.ones(len(start), bool)
    for _ in range(most):
        steps, promised = _steps(here, damping)
        tried = points + steps
        there = model(tried)
        better = going & (there.cost < here.cost)
        least = tolerance * here.cost
        going = going & (promised > least) & ~(better & (here.cost - there.cost <= least))
        points[better] = tried[better]
        for old, new in zip(vars(here).values(), vars(there).values(), strict=True):
            old[better] = new[better]
        damping = np.where(better, damping / 10, damping * 10)
        if not going.any():
            break
    variance = np.diagonal(np.linalg.inv(here.curvature), axis1=1, axis2=2)
    return Minima(points, here.cost, variance)


def huber_sum(residuals: F64, slopes: F64, bend: float = 1.0) -> Local:
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
    return Local(
        cost.sum(axis=1),
        (slopes @ pull[..., None])[..., 0],
        (slopes * squared[:, None]) @ turned,
    )


def _steps(here: Local, damping: F64) -> tuple[F64, F64]:
    """Return the steps [K, n] and the fall [K] of the cost that they promise."""
    extra = damping[:, None] * np.diagonal(here.curvature, axis1=1, axis2=2)
    damped = here.curvature + extra[..., None] * np.eye(extra.shape[1])
    steps = np.linalg.solve(damped, -here.slope[..., None])[..., 0]
    # Of the undamped model: 2 s'd - s'Ns, with d = -slope and (N + E) s = d.
    promised: F64 = (steps * (extra * steps - here.slope)).sum(axis=1)
    return np.asarray(steps, np.float64), promised
