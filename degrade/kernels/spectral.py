"""A photo's blur kernel from its power spectrum: its covariance and shape, and how sure they are.

Model of the power at LR frequency u (cycles per pixel), with everything in LR pixels:

    P(u) = sum_m A(angle u) |u + m|^-alpha (G(u + m) + LEAK [m = 0]) + n

A natural scene's power falls as |u|^-alpha (Field, JOSA A 4(12), 1987) with a free amplitude A per
direction, for a scene's edges prefer some; the kernel takes its squared transfer function G from
it; sampling folds the neighbouring periods m onto the base band; n is the noise floor. All
parameters are found at once, as the maximum of a posterior with robust residuals.

The kernel is a Gaussian, G(u) = exp(-4 pi^2 u'Su), unless the spectrum speaks strongly for a
generalised one, exp(-c (x'S^-1 x)^shape), such as defocus has (`transfer`). The noise is white, or
falls with frequency as the flat windows' does (`spectrum.noise_floor`).
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from degrade.arrays import F32, F64, I64, Image
from degrade.kernels.parametric import MAX_LOG, MIN_LOG, generalised_kernel
from degrade.kernels.shape import canvas_size
from degrade.kernels.spectral_model import (
    PIVOT,
    LocalQuadratic,
    huber_sum,
    log_power,
    minimise,
)
from degrade.kernels.spectrum import (
    ANGLES,
    ROUNDING,
    WINDOW,
    Spectra,
    low_slope,
    polar_bins,
    spectra,
)
from degrade.kernels.unfit_photos import unfit

SLOPE = (2.4, 0.2)
"""Mean and standard deviation of alpha."""
SPREAD = (np.log(0.35), 1.2)
"""Mean and standard deviation of log sqrt(det S): sigmas of 0.3 to 1.1 LR pixels within one."""
ANISOTROPY = 0.4
"""Standard deviation of log S's two deviatoric components: axes' ratio up to 1.5 within one."""
DIRECTION = 1.0
"""Standard deviation of log A between directions."""
SHAPE = 0.4
"""Standard deviation of the shape exponent's logarithm, where it is not 1."""
EVIDENCE = 10.0
"""Fall of -2 log posterior for which a shape other than Gaussian is believed: "very strong" by
Kass and Raftery (JASA 90, 1995)."""
RESIDUAL = 0.25
"""What the model leaves unexplained of log P in a bin."""
FLOOR_ERROR = 1.0
"""Standard deviation of log n about its measurement in the flattest windows; JPEG empties some."""
MISFIT = 250.0
"""Cost above which no kernel explains a spectrum. Of 92 photos simulated with
`benchmarks.simulated_photos` (seeds 0 to 3 of two folders, refused ones left out) nine are above,
with a mean L1 error of 0.73; 0.28 below. Enlarged photos have up to 600: what interpolation
leaves at its images is no kernel's."""
UNLIKE = (
    "no kernel explains its spectrum: enlarged, or processed otherwise; give photos as they were "
    "taken"
)
MIN_SIDE = 2 * WINDOW
"""A photo's side at least, so that its halves can be compared."""


@dataclass(frozen=True)
class Blur:
    """A generalised Gaussian kernel in LR pixels.

    Attributes:
        values: [4] (m, a, b, log shape): log S = [[m + a, b], [b, m - a]], x is the first axis; the
            shape exponent is 1 for a Gaussian.
        variance: [4] posterior variances of the values.
    """

    values: F64
    variance: F64

    def covariance(self, scale: int) -> F64:
        """Return the [2, 2] covariance in HR pixels, x (columns) first."""
        m, a, b = self.values[:3]
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
        exponent = float(np.exp(self.values[3]))
        return generalised_kernel((major, minor), angle, exponent, canvas_size(scale))


@dataclass(frozen=True)
class SpectralEstimate:
    """One photo's blur and what speaks for and against it.

    Attributes:
        blur: From all windows.
        halves: [4] from the upper, lower, left and right half.
        cost: -2 log posterior at its maximum, up to a constant: how badly the model fits.
        noise: Logarithm of the noise floor, in the last bins, over that of rounding to 8 bit.
        floor_moved: How far the fit had to move the floor from its measurement, |log|.
        visible: Share of the band's bins where the scene stands above the noise floor.
    """

    blur: Blur
    halves: tuple[Blur, ...]
    cost: float
    noise: float
    floor_moved: float
    visible: float


def estimate(photo: Image) -> SpectralEstimate | str:
    """Estimate a photo's blur, or say why it cannot be done.

    Args:
        photo: [H, W, 3]; uint8, or float32 in [0, 1].
    """
    reason = unfit(photo, MIN_SIDE)
    if reason:
        return reason
    seen = spectra(photo)
    reason = hidden(seen.whole, seen.floor)
    if reason:
        return reason
    fit, shaped = _fit(seen)
    if fit.cost > MISFIT:
        return UNLIKE
    starts = np.tile(fit.point, (len(seen.halves), 1))
    halves = _fits(starts, shaped, seen.halves, seen.floor)
    return SpectralEstimate(
        blur=fit.blur,
        halves=tuple(half.blur for half in halves),
        cost=fit.cost,
        noise=float(np.log(seen.floor[-ANGLES:].mean() / ROUNDING)),
        floor_moved=abs(float(fit.point[5])),
        visible=float(_visible(seen.whole, seen.floor).mean()),
    )


@dataclass(frozen=True)
class _Fit:
    """The posterior's maximum: the blur, -2 log posterior, and where it lies (`_fits`)."""

    blur: Blur
    cost: float
    point: F64


def _fit(seen: Spectra) -> tuple[_Fit, bool]:
    """Fit a Gaussian, and from there a generalised one, which wins by strong evidence only.

    Returns:
        The fit, and whether it is the generalised one.
    """
    whole = seen.whole[None]
    (plain,) = _fits(_starts(whole), False, whole, seen.floor)
    (general,) = _fits(plain.point[None], True, whole, seen.floor)
    dispersion = max(1.0, plain.cost / len(polar_bins().weight))
    if plain.cost - general.cost > EVIDENCE * dispersion:
        return general, True
    unsure = np.append(plain.blur.variance[:3], general.blur.variance[3])
    return replace(plain, blur=Blur(plain.blur.values, unsure)), False


def gaussian_blurs(spectra: F64, floor: F64) -> list[Blur]:
    """Fit a Gaussian kernel to each of some mean periodograms.

    Args:
        spectra: [K, WINDOW, WINDOW // 2 + 1], squared levels of 0..255.
        floor: [B], power of the noise in all of them, in each of `polar_bins`.
    """
    return [fit.blur for fit in _fits(_starts(spectra), False, spectra, floor)]


def _starts(spectra: F64) -> F64:
    """Return where fits to spectra [K, ...] begin: what is believed, and their own power."""
    bins = polar_bins()
    ring = np.abs(np.hypot(bins.x[:, 0], bins.y[:, 0]) - PIVOT) < 0.05
    middle = _logs(spectra)[:, ring].mean(axis=1, keepdims=True)
    known = np.tile(_MEAN, (len(spectra), 1))
    return np.concatenate([known, np.tile(middle + 1, (1, ANGLES))], axis=1)


_MEAN = np.array([SPREAD[0], 0, 0, 0, SLOPE[0], 0])
_DEVIATION = np.array([SPREAD[1], ANISOTROPY, ANISOTROPY, SHAPE, SLOPE[1], FLOOR_ERROR])


def _fits(starts: F64, shaped: bool, spectra: F64, floor: F64) -> list[_Fit]:
    """Fit the model (module docstring) to spectra [K, ...], beginning at ``starts`` [K, n].

    The parameters are m, a, b, log shape (`Blur`), alpha, log n / floor, and log A per direction;
    log shape stays where it is unless ``shaped``.
    """
    count = starts.shape[1]
    free = np.array([i for i in range(count) if shaped or i != 3])
    seen, weight = _logs(spectra), polar_bins().weight / RESIDUAL
    fixed, offsets = _prior(count)
    slopes = fixed[:, free]
    curvature = slopes.T @ slopes

    def model(points: F64, rows: I64) -> LocalQuadratic:
        whole = starts[rows]
        whole[:, free] = points
        power = log_power(whole, floor, shaped)
        gradient = power.gradient if shaped else power.gradient[:, free]
        data = huber_sum((power.value - seen[rows]) * weight, gradient * weight)
        beliefs = whole @ fixed.T - offsets
        cost = np.square(beliefs).sum(axis=1)
        return data + LocalQuadratic(cost, beliefs @ slopes, curvature)

    found = minimise(model, starts[:, free])
    points, variance = starts.copy(), np.zeros_like(starts)
    points[:, free], variance[:, free] = found.points, found.variance
    values = points[:, :4].copy()
    values[:, 3] = np.clip(values[:, 3], MIN_LOG, MAX_LOG)
    rows = zip(values, variance[:, :4], found.cost.tolist(), points, strict=True)
    return [_Fit(Blur(value, var), cost, point) for value, var, cost, point in rows]


@cache
def _prior(count: int) -> tuple[F64, F64]:
    """Return [n', n] and [n'] of the residuals that say what is believed before any photo."""
    known = len(_MEAN)
    beliefs = np.zeros((count, count))
    beliefs[:known, :known] = np.diag(1 / _DEVIATION)
    beliefs[known:, known:] = (np.eye(count - known) - 1 / (count - known)) / DIRECTION
    return beliefs, np.append(_MEAN / _DEVIATION, np.zeros(count - known))


def _logs(spectra: F64) -> F64:
    """Return [K, B] the mean logarithm of spectra [K, ...] in each bin."""
    flat = np.maximum(spectra, 1e-9).reshape(len(spectra), -1)
    return np.asarray(np.log(flat) @ polar_bins().members.T)


def _visible(spectrum: F64, floor: F64) -> F64:
    """Return [B] whether a bin's power is at least twice the noise floor."""
    bins = polar_bins()
    return np.asarray(bins.members @ spectrum.ravel() > 2 * floor)


def hidden(spectrum: F64, floor: F64) -> str:
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
