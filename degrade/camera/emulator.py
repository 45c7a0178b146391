"""What a camera's photos would show, predicted without taking any, and how uncertain that is."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from degrade.arrays import F64
from degrade.camera.distances import squared_distances
from degrade.camera.parameters import CHOICES, PARAMETERS

_NAMES = list(PARAMETERS)
_EVEN = [i for i, name in enumerate(_NAMES) if PARAMETERS[name].spacing != "choice"]
_CHOICES = [_NAMES.index(name) for name in CHOICES if name != "tone"]
"""The choices that a search emulates; the tone curve is none, as all cameras of a search share
it."""
LENGTH, SLOPE, NOISE = 1.0, -2.0, -4.0
"""Logarithms at which the fit begins: the distance over which outputs bend, the deviation of their
slope, and the share of their variance that no parameter explains."""
LENGTH_WEIGHT, SLOPE_WEIGHT = 0.1, 0.05
"""How strongly lengths and slopes are held there, per output: without it, those of parameters that
do nothing would run away."""
LENGTHS, SLOPES, NOISES = (-1.5, 4.0), (-6.0, 2.0), (-11.0, 2.0)
"""What these may become."""
MOST_STEPS = 60


def inputs(shares: F64) -> F64:
    """Return the space in which cameras are near each other or far, [N, D].

    Parameters in [-1, 1], as far as they act, and indicators of each choice. The lens's direction
    is of a line, not an arrow: it enters as (1 - aspect) times the cosine and sine of twice the
    angle.

    Args:
        shares: [N, P], see `parameters.from_shares`.
    """
    columns = [p.acting(shares[:, i]) for i, p in enumerate(PARAMETERS.values())]
    plain = 2 * np.stack(columns, axis=1) - 1
    angle, oval = np.pi * shares[:, _NAMES.index("angle")], 1 - shares[:, _NAMES.index("aspect")]
    plain[:, _NAMES.index("angle")] = 2 * oval * np.cos(2 * angle)
    plain[:, _NAMES.index("aspect")] = 2 * oval * np.sin(2 * angle)
    chosen = [_indicators(shares[:, index], _NAMES[index]) for index in _CHOICES]
    return np.concatenate([plain[:, _EVEN], *chosen], axis=1)


def _indicators(share: F64, name: str) -> F64:
    kinds = int(PARAMETERS[name].high) + 1
    is_kind = PARAMETERS[name].at(share)[:, None] == np.arange(kinds)
    return np.asarray(is_kind - 1 / kinds, np.float64)


@dataclass(frozen=True)
class Covariance:
    """Of two cameras' outputs: exp(-d^2 / 2) of their distance d, and the product of their slopes.

    ``rates`` [D] are one over the lengths, ``slopes`` [D] the deviations of the slopes.
    """

    rates: F64
    slopes: F64

    def near(self, first: F64, second: F64) -> F64:
        """Return exp(-d^2 / 2), [N, M]."""
        squares = squared_distances(first * self.rates, second * self.rates)
        return np.asarray(np.exp(-0.5 * squares))

    def __call__(self, first: F64, second: F64) -> F64:
        """Return the covariances of points [N, D] and [M, D], [N, M]."""
        lines = (first * self.slopes) @ (second * self.slopes).T
        return np.asarray(self.near(first, second) + lines)

    def variance(self, points: F64) -> F64:
        """Return each camera's own, [N]."""
        return np.asarray(1 + np.square(points * self.slopes).sum(axis=1))


@dataclass(frozen=True)
class Emulator:
    """Gaussian processes, one per output, that share how cameras are correlated.

    Attributes:
        points: [N, D], `inputs` of the cameras that were simulated.
        covariance: Of the outputs of two cameras, before their scale.
        inverse: [N, N], of the cameras' covariance.
        weights: [N, K], ``inverse`` times the outputs less their mean.
        mean: [K].
        scale: [K], variance of each output.
    """

    points: F64
    covariance: Covariance
    inverse: F64
    weights: F64
    mean: F64
    scale: F64

    def __call__(self, shares: F64) -> tuple[F64, F64]:
        """Return mean and variance [N, K] of what cameras [N, P] would show.

        Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), eq. 2.25, 2.26.
        """
        points = inputs(shares)
        near = self.covariance(points, self.points)
        left = self.covariance.variance(points) - ((near @ self.inverse) * near).sum(axis=1)
        return near @ self.weights + self.mean, np.maximum(left, 0)[:, None] * self.scale


def emulate(shares: F64, outputs: F64) -> Emulator:
    """Fit an emulator to what cameras [N, P] showed, ``outputs`` [N, K].

    Lengths, slopes and noise are those of the largest marginal likelihood (Rasmussen and Williams,
    eq. 5.8, 5.9), the same for all outputs, whose scales alone differ (Conti and O'Hagan, "Bayesian
    emulation of complex multi-output and dynamic computer models", 2010).
    """
    points, mean = inputs(shares), outputs.mean(axis=0)
    left = outputs - mean
    count, wide = points.shape
    start = np.concatenate([np.full(wide, LENGTH), np.full(wide, SLOPE), [NOISE]])
    found = minimize(
        Loss(points, left),
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[LENGTHS] * wide + [SLOPES] * wide + [NOISES],
        options={"maxiter": MOST_STEPS},
    ).x
    covariance, noise = _settings(found)
    factor = cho_factor(covariance(points, points) + noise * np.eye(count), lower=True)
    weights = cho_solve(factor, left)
    scale = (left * weights).sum(axis=0) / count
    inverse = cho_solve(factor, np.eye(count))
    return Emulator(points, covariance, inverse, weights, mean, scale)


def _settings(logarithms: F64) -> tuple[Covariance, float]:
    lengths, slopes = np.split(logarithms[:-1], 2)
    return Covariance(np.exp(-lengths), np.exp(slopes)), float(np.exp(logarithms[-1]))


@dataclass(frozen=True)
class Loss:
    """What the fit of an emulator makes small.

    Attributes:
        points: [N, D], see `inputs`.
        outputs: [N, K] of mean 0.
    """

    points: F64
    outputs: F64

    def __call__(self, logarithms: F64) -> tuple[float, F64]:
        """Return the negative log likelihood per output at settings [2 D + 1], and its gradient.

        Settings are the logarithms of the D lengths and slopes, and of the noise.
        """
        covariance, noise = _settings(logarithms)
        (count, wide), each = self.points.shape, self.outputs.shape[1]
        near = covariance.near(self.points, self.points)
        lines = self.points * covariance.slopes
        whole = near + lines @ lines.T + noise * np.eye(count)
        factor = cho_factor(whole, lower=True)
        weights = cho_solve(factor, self.outputs)
        scale = (self.outputs * weights).sum(axis=0) / count
        height = 0.5 * np.log(scale).mean() * count + np.log(np.diag(factor[0])).sum()
        slope = (cho_solve(factor, np.eye(count)) - (weights / scale) @ weights.T / each) / 2
        gradient = np.empty(2 * wide + 1)
        bent = slope * near
        apart = bent.sum(axis=1) @ np.square(self.points)
        apart -= (self.points * (bent @ self.points)).sum(axis=0)
        gradient[:wide] = 2 * apart * np.square(covariance.rates)
        gradient[wide:-1] = 2 * (lines * (slope @ lines)).sum(axis=0)
        gradient[-1] = np.trace(slope) * noise
        for part, middle, weight in (
            (slice(wide), LENGTH, LENGTH_WEIGHT),
            (slice(wide, -1), SLOPE, SLOPE_WEIGHT),
        ):
            away = logarithms[part] - middle
            height += weight * np.square(away).sum()
            gradient[part] += 2 * weight * away
        return float(height), gradient
