"""A photo's blur kernel from its power spectrum: a Gaussian's covariance and how sure it is.

Model of the power at LR frequency u (cycles per pixel), with everything in LR pixels:

    P(u) = sum_m A(angle u) |u + m|^-alpha (exp(-4 pi^2 (u+m)' S (u+m)) + LEAK [m = 0]) + n

A natural scene's power falls as |u|^-alpha (Field, JOSA A 4(12), 1987) with a free amplitude A per
direction, for a scene's edges prefer some; the kernel takes its squared transfer function from
it; sampling folds the neighbouring periods m onto the base band; n is the noise floor. All
parameters are found at once, as the maximum of a posterior with robust residuals.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from degrade.arrays import F32, F64, Image
from degrade.kernels.gate import unfit
from degrade.kernels.parametric import gaussian_kernel
from degrade.kernels.shape import canvas_size
from degrade.kernels.spectrum import (
    ANGLES,
    ROUNDING,
    WINDOW,
    Bins,
    low_slope,
    noise_floor,
    polar_bins,
    windows,
)

SLOPE = (2.2, 0.2)
"""Mean and standard deviation of alpha."""
SPREAD = (np.log(0.35), 1.2)
"""Mean and standard deviation of log sqrt(det S): sigmas of 0.3 to 1.1 LR pixels within one."""
ANISOTROPY = 0.4
"""Standard deviation of log S's two deviatoric components: axes' ratio up to 1.5 within one."""
DIRECTION = 1.0
"""Standard deviation of log A between directions."""
RESIDUAL = 0.5
"""What the model leaves unexplained of log P in a bin; neighbouring bins share much of it."""
LEAK = 1e-3
"""Power of a real kernel beyond its Gaussian, relative to its gain at 0 (-30 dB)."""
FLOOR_ERROR = 0.5
"""Standard deviation of log n about its measurement in the flattest windows."""
MIN_SIDE = 2 * WINDOW
"""A photo's side at least, so that its halves can be compared."""


@dataclass(frozen=True)
class Blur:
    """A Gaussian kernel in LR pixels, by the logarithm of its covariance.

    Attributes:
        log_cov: [3] log S = [[m + a, b], [b, m - a]] as (m, a, b); x is the first axis.
        variance: [3] posterior variances of (m, a, b).
    """

    log_cov: F64
    variance: F64

    def covariance(self, scale: int) -> F64:
        """Return the [2, 2] covariance in HR pixels, x (columns) first."""
        m, a, b = self.log_cov
        values, axes = np.linalg.eigh(np.array([[m + a, b], [b, m - a]]))
        return np.asarray(scale**2 * (axes * np.exp(values)) @ axes.T)

    def parameters(self, scale: int) -> tuple[float, float, float]:
        """Return the larger sigma, the smaller (HR pixels) and the first's angle (radians)."""
        values, axes = np.linalg.eigh(self.covariance(scale))
        angle = float(np.arctan2(axes[1, 1], axes[0, 1]) % np.pi)
        return float(np.sqrt(values[1])), float(np.sqrt(values[0])), angle

    def kernel(self, scale: int) -> F32:
        """Return the kernel on the canvas of ``scale``."""
        major, minor, angle = self.parameters(scale)
        return gaussian_kernel((major, minor), angle, canvas_size(scale))


@dataclass(frozen=True)
class SpectralEstimate:
    """One photo's blur and what speaks for and against it.

    Attributes:
        blur: From all windows.
        halves: [4] from the upper, lower, left and right half.
        typical: From the mean logarithm of the windows' power: each window counts alike.
        misfit: Median absolute residual of log P.
        visible: Share of the band's bins where the scene stands above the noise floor.
    """

    blur: Blur
    halves: tuple[Blur, ...]
    typical: Blur
    misfit: float
    visible: float


def estimate(photo: Image) -> SpectralEstimate | str:
    """Estimate a photo's blur, or say why it cannot be done.

    Args:
        photo: [H, W, 3]; uint8, or float32 in [0, 1].
    """
    reason = unfit(photo, MIN_SIDE)
    if reason:
        return reason
    parts = windows(photo)
    floor = noise_floor(parts.power)
    spectrum = parts.power.mean(axis=0)
    reason = _hidden(spectrum, floor)
    if reason:
        return reason
    fit = _fit(spectrum, floor)
    halves = tuple(_fit(parts.power[half].mean(axis=0), floor).blur for half in parts.halves())
    typical = np.exp(np.log(parts.power + ROUNDING).mean(axis=0))
    return SpectralEstimate(
        fit.blur, halves, _fit(typical, floor).blur, fit.misfit, _visible(spectrum, floor).mean()
    )


def pool(blurs: Sequence[Blur], inflation: float = 2.0) -> list[Blur]:
    """Shrink one camera's blurs towards their mean, as far as they do not really differ.

    Empirical Bayes (DerSimonian and Laird's random effects, by moments, iterated) for each
    component: the variance between photos is what exceeds their posterior variances. Where
    every photo has another kernel it is large and nothing much changes.

    Args:
        blurs: Of one folder's photos, in any order; fewer than three come back as they are.
        inflation: Factor on the posterior variances: bins are not independent.
    """
    if len(blurs) < 3:
        return list(blurs)
    values, within, between = _spread(blurs, inflation)
    mean, variance = _common(values, within + between)
    trust = between / (within + between)
    pooled = mean + trust * (values - mean)
    left = trust * within + (1 - trust) ** 2 * variance
    return [Blur(value, rest) for value, rest in zip(pooled, left, strict=True)]


def single(blurs: Sequence[Blur], inflation: float = 2.0) -> list[Blur]:
    """Return one camera's common blur, once for every photo: the mean of their distribution."""
    values, within, between = _spread(blurs, inflation)
    return [Blur(*_common(values, within + between))] * len(blurs)


def _spread(blurs: Sequence[Blur], inflation: float) -> tuple[F64, F64, F64]:
    """Return the components [n, 3], their variances [n, 3], and those between photos [3]."""
    values = np.array([blur.log_cov for blur in blurs])
    within = inflation * np.array([blur.variance for blur in blurs])
    return values, within, _between(values, within)


def _common(values: F64, variances: F64) -> tuple[F64, F64]:
    """Return the mean by inverse variance, [3], and its variance."""
    weights = 1 / variances
    total = weights.sum(axis=0)
    return np.asarray((weights * values).sum(axis=0) / total), np.asarray(1 / total)


def _between(values: F64, within: F64) -> F64:
    """Return the variance between photos [3], of values and variances [n, 3]."""
    between = values.var(axis=0)
    for _ in range(50):
        weights = 1 / (within + between)
        mean, _ = _common(values, within + between)
        excess = (values - mean) ** 2 - within
        shares = weights**2 / (weights**2).sum(axis=0)
        between = np.maximum(0, (shares * excess).sum(axis=0) + 1 / weights.sum(axis=0))
    return np.asarray(between)


@dataclass(frozen=True)
class _Fit:
    """The posterior's maximum: the blur and the median absolute residual of log P."""

    blur: Blur
    misfit: float


def _fit(spectrum: F64, floor: float) -> _Fit:
    """Fit the model (module docstring) to a spectrum.

    The parameters are m, a, b (`Blur`), alpha, log n / floor, and log A per direction.
    """
    bins = polar_bins()
    seen = bins.members @ np.log(np.maximum(spectrum, 1e-9)).ravel()
    mean = np.array([SPREAD[0], 0, 0, SLOPE[0], 0])
    deviation = np.array([SPREAD[1], ANISOTROPY, ANISOTROPY, SLOPE[1], FLOOR_ERROR])

    def residuals(p: F64) -> F64:
        amplitudes = p[5:]
        data = _huber((seen - _log_power(p, bins, floor)) * bins.trust / RESIDUAL)
        prior = (p[:5] - mean) / deviation
        return np.concatenate([data, prior, (amplitudes - amplitudes.mean()) / DIRECTION])

    middle = seen[np.abs(np.hypot(bins.x[:, 0], bins.y[:, 0]) - _PIVOT) < 0.05].mean()
    start = np.concatenate([mean, np.full(ANGLES, middle + 1)])
    found = least_squares(residuals, start, method="lm")
    variance = np.diag(np.linalg.inv(found.jac.T @ found.jac))[:3]
    misfit = np.median(np.abs(seen - _log_power(found.x, bins, floor)))
    return _Fit(Blur(found.x[:3], variance), float(misfit))


_PIVOT = 0.2
"""Frequency at which A is the scene's power: about the middle of the band."""


def _log_power(p: F64, bins: Bins, floor: float) -> F64:
    """Return log P of the model in every bin, [B]."""
    xx, xy, yy = _matrix_exponential(p[0], p[1], p[2])
    square = xx * bins.x**2 + 2 * xy * bins.x * bins.y + yy * bins.y**2
    gain = np.exp(-4 * np.pi**2 * square)
    gain[:, 0] += LEAK
    scene = (np.hypot(bins.x, bins.y) / _PIVOT) ** -p[3]
    amplitude = np.exp(np.clip(p[5:], -30, 30))[bins.angle]
    return np.asarray(np.log(amplitude * (scene * gain).sum(axis=1) + floor * np.exp(p[4])))


def _matrix_exponential(m: float, a: float, b: float) -> tuple[float, float, float]:
    """Return xx, xy and yy of exp [[m + a, b], [b, m - a]]."""
    size = max(float(np.hypot(a, b)), 1e-12)
    level, even, odd = np.exp(m), np.cosh(size), np.sinh(size) / size
    return level * (even + odd * a), level * odd * b, level * (even - odd * a)


def _huber(residuals: F64, bend: float = 1.0) -> F64:
    """Return what, squared, is Huber's loss: linear beyond ``bend``."""
    size = np.abs(residuals)
    beyond = np.sqrt(np.maximum(2 * bend * size - bend**2, 0))
    return np.asarray(np.sign(residuals) * np.where(size < bend, size, beyond))


def _visible(spectrum: F64, floor: float) -> F64:
    """Return [B] whether a bin's power is at least twice the noise floor."""
    bins = polar_bins()
    return np.asarray(bins.members @ spectrum.ravel() > 2 * floor)


def _hidden(spectrum: F64, floor: float) -> str:
    """Return why a spectrum does not show the blur; empty if it does."""
    bins = polar_bins()
    visible = _visible(spectrum, floor)
    if visible.mean() < MIN_VISIBLE:
        return (
            f"noise or nothing: {visible.mean():.0%} of the spectrum stands above the noise floor"
        )
    slope = low_slope(spectrum)
    if slope < MIN_SLOPE:
        return f"no scene: its power falls with the exponent {slope:.1f}, a scene's with 1.2 to 4"
    directions = np.bincount(bins.angle, visible, ANGLES) >= 2
    if directions.mean() < 0.5:
        return "one-directional: few directions have structure that shows their blur"
    return ""


MIN_VISIBLE = 0.2
"""Share of the band in which the scene must stand out."""
MIN_SLOPE = 1.0
"""Least exponent of the power law below the band; photographs have 1.2 to 4, noise 0."""
