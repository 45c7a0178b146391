"""How sure a camera's kernels are: posterior, intervals, draws, and whether photos are enough."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from degrade.arrays import F32, F64
from degrade.kernels.parametric import MAX_LOG, MIN_LOG
from degrade.kernels.pooling import INFLATION, pool
from degrade.kernels.spectral import Blur
from degrade.randomness import stream

LEVEL = 0.9
"""Share of kernels whose truth the intervals hold."""
QUANTILE = 1.645
"""Standard deviations to either side that hold `LEVEL` of a normal distribution."""
IN_COMMON: F64 = np.array([0.10, 0.07, 0.07, 0.0])
"""Standard deviation of m, a, b and log shape that no number of photos takes away, for the model
of a scene's spectrum errs alike on photos of like scenes. Chosen with `INFLATION` so that intervals
hold on the photos of `benchmarks.kernel_intervals`."""

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class HalfWidths:
    """Half the widths of the intervals, [n] each; lengths in HR pixels, the angle in radians.

    An angle's is at most pi / 2, where nothing is known of it.
    """

    sigma_major: F64
    sigma_minor: F64
    angle: F64

    def of(self, row: int) -> tuple[float, float, float]:
        """Return those of one kernel."""
        return float(self.sigma_major[row]), float(self.sigma_minor[row]), float(self.angle[row])


def deviation(blur: Blur, *, pooled: bool) -> F64:
    """Return the standard deviations [4] of a blur's values about the truth.

    Args:
        blur: As estimated, or pooled.
        pooled: Whether its variances were inflated already, as `degrade.kernels.pooling` does.
    """
    factor = 1.0 if pooled else INFLATION
    return np.asarray(np.sqrt(factor * blur.variance + IN_COMMON**2))


def half_widths(values: Floats, deviations: Floats, scale: int) -> HalfWidths:
    """Return how far the truth may lie from each kernel's sigmas and angle, to first order.

    With r = |(a, b)| the sigmas are scale exp((m +- r) / 2) and the angle is half that of (a, b).

    Args:
        values: [n, 4], as of `Blur`.
        deviations: [n, 4], as of `deviation`.
        scale: HR pixels per LR pixel.
    """
    m, a, b = np.asarray(values, np.float64)[:, :3].T
    of_m, of_a, of_b = np.asarray(deviations, np.float64)[:, :3].T
    ratio = np.hypot(a, b)
    turn = np.arctan2(b, a)
    along, beside = np.cos(turn), np.sin(turn)
    of_ratio = np.hypot(along * of_a, beside * of_b)
    across = np.hypot(beside * of_a, along * of_b)
    relative = np.sinh(QUANTILE * np.hypot(of_m, of_ratio) / 2)
    angle = QUANTILE * across / np.maximum(2 * ratio, 1e-9)
    return HalfWidths(
        scale * np.exp((m + ratio) / 2) * relative,
        scale * np.exp((m - ratio) / 2) * relative,
        np.minimum(angle, np.pi / 2),
    )


def drawn(values: Floats, deviations: Floats, scale: int, rng: np.random.Generator) -> F32:
    """Draw a kernel from its posterior.

    Args:
        values: [4], as of `Blur`.
        deviations: [4], as of `deviation`.
        scale: HR pixels per LR pixel.
        rng: Where the draw comes from.

    Returns:
        [S, S] float32 on the canvas of the scale, sum 1, centred.
    """
    values = np.asarray(values, np.float64)
    other = values + np.asarray(deviations, np.float64) * rng.standard_normal(4)
    # A Gaussian stays one: its shape is fixed and not uncertain.
    other[3] = np.clip(other[3], MIN_LOG, MAX_LOG) if values[3] else 0.0
    return Blur(other, np.zeros(4)).kernel(scale)


COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
SUBSETS = 8
"""Random subsets of each size."""
DRAWS = 48
"""Kernels drawn to measure the L1 that a posterior expects."""
MOST = 100_000
"""Most photos that are ever recommended."""
_SCALE = 2
"""L1 hardly depends on the scale at which kernels are drawn."""


@dataclass(frozen=True)
class LearningCurve:
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


def learn(blurs: Sequence[Blur], seed: int = 0) -> LearningCurve:
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
    return LearningCurve(total, errors, min(error(lasting), errors[total]), halved)


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
