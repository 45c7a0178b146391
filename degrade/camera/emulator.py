"""What statistics a camera's photos would have, predicted without taking any: a quadratic fit."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from degrade.arrays import F64, Bool
from degrade.camera.parameters import PARAMETERS

_NAMES = list(PARAMETERS)
_EVEN = [i for i, name in enumerate(_NAMES) if PARAMETERS[name].spacing != "choice"]
_CHOICES = [i for i, name in enumerate(_NAMES) if PARAMETERS[name].spacing == "choice"]
_RIDGES = 10.0 ** np.arange(-2, 4, 0.5)
FAR = 0.1
"""What a camera from anywhere counts beside one that is near those that matter: it steadies the fit
where few are near, and hardly bends it."""


def features(shares: F64) -> F64:
    """Return what statistics are linear in, [N, F].

    Parameters, their products, indicators of each choice, and products of these with all. The
    lens's direction is of a line, not an arrow: it enters as (1 - aspect) times the cosine and sine
    of twice the angle.

    Args:
        shares: [N, P], see `parameters.from_shares`.
    """
    plain = 2 * shares - 1
    angle, oval = np.pi * shares[:, _NAMES.index("angle")], 1 - shares[:, _NAMES.index("aspect")]
    plain[:, _NAMES.index("angle")] = oval * np.cos(2 * angle)
    plain[:, _NAMES.index("aspect")] = oval * np.sin(2 * angle)
    plain = plain[:, _EVEN]
    first, second = np.triu_indices(plain.shape[1])
    chosen = [_indicators(shares[:, index], _NAMES[index]) for index in _CHOICES]
    either = np.concatenate(chosen, axis=1)
    each = (either[:, :, None] * plain[:, None]).reshape(len(plain), -1)
    both = [
        (one[:, :, None] * other[:, None]).reshape(len(plain), -1)
        for one, other in combinations(chosen, 2)
    ]
    squares = plain[:, first] * plain[:, second]
    return np.concatenate([plain, squares, either, each, *both], axis=1)


def _indicators(share: F64, name: str) -> F64:
    kinds = int(PARAMETERS[name].high) + 1
    is_kind = PARAMETERS[name].at(share)[:, None] == np.arange(kinds)
    return np.asarray(is_kind - 1 / kinds, np.float64)


@dataclass(frozen=True)
class Emulator:
    """A ridge regression of statistics on `features`.

    ``error`` [S] is its mean square at cameras that were left out.
    """

    mean: F64
    centre: F64
    weights: F64
    error: F64

    def __call__(self, shares: F64) -> F64:
        """Return the statistics [N, S] that cameras [N, P] would have."""
        return (features(shares) - self.centre) @ self.weights + self.mean


def emulate(shares: F64, statistics: F64, near: Bool) -> Emulator:
    """Fit an emulator, the ridge of each statistic by leave-one-out error (Allen's PRESS).

    Args:
        shares: [N, P] of the cameras that were simulated.
        statistics: [N, S], what their photos had.
        near: [N], the cameras near which it is to be right: those by which its error is judged, and
            which count in full.
    """
    weight = np.where(near, 1.0, FAR)
    raw, root = features(shares), np.sqrt(weight)[:, None]
    centre, mean = (np.average(each, axis=0, weights=weight) for each in (raw, statistics))
    inputs, outputs = root * (raw - centre), root * (statistics - mean)
    values, vectors = np.linalg.eigh(inputs @ inputs.T)
    turned = vectors.T @ outputs
    error = np.full(statistics.shape[1], np.inf)
    dual = np.zeros_like(outputs)
    for ridge in _RIDGES:
        inverse = 1 / (np.maximum(values, 0) + ridge)
        found = vectors @ (inverse[:, None] * turned)
        left_out = found / (np.square(vectors) @ inverse)[:, None] / root
        mine = np.square(left_out[near]).mean(axis=0)
        better = mine < error
        error[better], dual[:, better] = mine[better], found[:, better]
    return Emulator(mean, centre, inputs.T @ dual, error)
