"""Whether a camera's photos are enough: how the error of its kernels falls with their number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from degrade.arrays import F64
from degrade.kernels.pooling import pool
from degrade.kernels.spectral import Blur
from degrade.kernels.uncertainty import IN_COMMON, deviation, drawn
from degrade.randomness import stream

COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
SUBSETS = 8
"""Random subsets of each size."""
DRAWS = 48
"""Kernels drawn to measure the L1 that a posterior expects."""
MOST = 100_000
"""Photos beyond which nobody is told to go."""
_SCALE = 2
"""L1 hardly depends on the scale at which kernels are drawn."""


@dataclass(frozen=True)
class Learning:
    """Expected L1 distance of a camera's kernels from the truth.

    Attributes:
        photos: How many there are.
        errors: By number of photos, those there are last.
        least: What more photos come to in the end: what a photo's own kernel and its scene leave
            open.
        halved: Photos that would halve the error; None where no number does.
    """

    photos: int
    errors: dict[int, float]
    least: float
    halved: int | None


def learn(blurs: Sequence[Blur], seed: int = 0) -> Learning:
    """Subsample a camera's photos, pool each subset, and see what error its posterior expects.

    What pooling leaves open of m, a and b falls as v + c / n with the number n of photos; v and c
    are fitted to the subsets.

    Args:
        blurs: Each photo's own, at least one.
        seed: Of the subsets and draws.
    """
    total = len(blurs)
    counts = [count for count in COUNTS if count < total] + [total]
    variances = np.stack([_left(blurs, count, seed) for count in counts])
    centre = Blur(np.median([blur.values for blur in blurs], axis=0), np.zeros(4))

    def error(variance: F64) -> float:
        return _expected_l1(centre, variance, seed)

    errors = {count: error(row) for count, row in zip(counts, variances, strict=True)}
    lasting, falling = _law(np.array(counts), variances)
    halved = None
    if error(lasting) < errors[total] / 2:
        low, high = total, MOST
        while high - low > 1:
            middle = (low + high) // 2
            enough = error(lasting + falling / middle) <= errors[total] / 2
            low, high = (low, middle) if enough else (middle, high)
        halved = high if high < MOST else None
    return Learning(total, errors, min(error(lasting), errors[total]), halved)


def _left(blurs: Sequence[Blur], count: int, seed: int) -> F64:
    """Return the mean variance [4] about the truth of photos pooled by so many."""
    found = []
    for number in range(1 if count == len(blurs) else SUBSETS):
        rng = stream(seed, "learning", count, number)
        chosen = [blurs[row] for row in np.sort(rng.permutation(len(blurs))[:count])]
        pooled = pool(chosen)
        found += [
            deviation(after, pooled=after is not before) ** 2
            for before, after in zip(chosen, pooled, strict=True)
        ]
    return np.asarray(np.mean(found, axis=0))


def _law(counts: F64, variances: F64) -> tuple[F64, F64]:
    """Return v and c, [4] each and not negative, of variances [n, 4] ~ v + c / count."""
    enough = counts >= min(5, counts[-1])
    inverse, seen = 1 / counts[enough], variances[enough]
    if len(inverse) < 2:
        return IN_COMMON**2, np.asarray((seen[-1] - IN_COMMON**2) * counts[-1])
    slope = (inverse - inverse.mean()) @ (seen - seen.mean(axis=0))
    slope = np.maximum(slope / ((inverse - inverse.mean()) ** 2).sum(), 0)
    lasting = np.maximum(seen[-1] - slope * inverse[-1], IN_COMMON**2)
    return np.asarray(lasting), np.asarray(slope)


def _expected_l1(centre: Blur, variance: F64, seed: int) -> float:
    deviations, rng = np.sqrt(variance), stream(seed, "learning-draws")
    middle = centre.kernel(_SCALE)
    apart = [
        np.abs(drawn(centre.values, deviations, _SCALE, rng) - middle).sum() for _ in range(DRAWS)
    ]
    return float(np.mean(apart))
