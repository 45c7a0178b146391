"""Pooling: the blurs of one camera's photos estimated together, by empirical Bayes."""

from collections.abc import Sequence

import numpy as np

from degrade.arrays import F64
from degrade.kernels.spectral import Blur

INFLATION = 4.0
"""Factor on posterior variances, for bins share what the model leaves unexplained: the median
squared error of simulated Gaussian kernels is that many times what the fits claim."""


def pool(blurs: Sequence[Blur], inflation: float = INFLATION) -> list[Blur]:
    """Shrink one camera's blurs towards their mean, as far as they do not really differ.

    Empirical Bayes (DerSimonian and Laird's random effects, by moments, iterated) for each
    component: the variance between photos is what exceeds their posterior variances. Where
    every photo has another kernel it is large and nothing much changes.

    Args:
        blurs: Of one folder's photos, in any order; fewer than three come back as they are.
        inflation: Factor on the posterior variances.
    """
    if len(blurs) < 3:
        return list(blurs)
    values, within, between = _spread(blurs, inflation)
    mean, variance = _common(values, within + between)
    shrinkage = between / (within + between)
    pooled = mean + shrinkage * (values - mean)
    left = shrinkage * within + (1 - shrinkage) ** 2 * variance
    return [Blur(value, rest) for value, rest in zip(pooled, left, strict=True)]


def single(blurs: Sequence[Blur], inflation: float = INFLATION) -> list[Blur]:
    """Return one camera's common blur, once for every photo: the mean of their distribution."""
    values, within, between = _spread(blurs, inflation)
    return [Blur(*_common(values, within + between))] * len(blurs)


def common_values(values: F64, variances: F64, inflation: float = INFLATION) -> tuple[F64, F64]:
    """Return the mean [k] of the distribution of photos' values, as `single`, and its variance.

    Args:
        values: [n, k].
        variances: [n, k], as the fits claim.
        inflation: Factor on them.
    """
    within = inflation * variances
    return _common(values, within + _between(values, within))


def _spread(blurs: Sequence[Blur], inflation: float) -> tuple[F64, F64, F64]:
    """Return the components [n, 4], their variances [n, 4], and those between photos [4]."""
    values = np.array([blur.values for blur in blurs])
    within = inflation * np.array([blur.variance for blur in blurs])
    return values, within, _between(values, within)


def _common(values: F64, variances: F64) -> tuple[F64, F64]:
    """Return the mean by inverse variance, [4], and its variance."""
    weights = 1 / variances
    total = weights.sum(axis=0)
    return np.asarray((weights * values).sum(axis=0) / total), np.asarray(1 / total)


def _between(values: F64, within: F64) -> F64:
    """Return the variance between photos [4], of values and variances [n, 4]."""
    between = values.var(axis=0)
    for _ in range(50):
        weights = 1 / (within + between)
        mean, _ = _common(values, within + between)
        excess = (values - mean) ** 2 - within
        shares = weights**2 / (weights**2).sum(axis=0)
        between = np.maximum(0, (shares * excess).sum(axis=0) + 1 / weights.sum(axis=0))
    return np.asarray(between)
