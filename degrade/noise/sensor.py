"""What a camera's noise is like: by brightness, grain and channel; and how much of it LR keeps."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from degrade.arrays import F32, F64, I64, U8
from degrade.images.resize import bicubic_taps
from degrade.noise.floor import CENTRES, variance_curve
from degrade.noise.mining import polynomials

REACH = 4
"""Farthest lag of the autocorrelation, pixels."""
PATCHES = 4
"""Patches of a photo that its grain is measured on, spread over those that were accepted."""
SIDE = 64
"""Width of each patch's middle that is enough for it, pixels."""
GRID = 32
"""Side of the periodic grid on which the grain's filter is found."""


@dataclass(frozen=True)
class SensorNoise:
    """The noise of a set of photos, as `mine-noise` stores it beside the patches."""

    curve: F64
    """[3, 16]: variance of each channel at `floor.CENTRES`, squared levels of 0..255."""
    autocorrelation: F64
    """[9, 9]: of the noise in (dy, dx), -4 to 4 pixels; 1 in the middle."""
    channels: F64
    """[3, 3]: correlation of the channels."""

    @cached_property
    def deviation(self) -> F32:
        """[3, 256]: standard deviation of each channel at each level, in units of [0, 1]."""
        levels = np.arange(256)
        rows = [np.sqrt(np.interp(levels, CENTRES, row)) / 255 for row in self.curve]
        return np.asarray(rows, np.float32)

    @cached_property
    def grain(self) -> F32:
        """[9, 9]: zero-phase filter that gives white noise this autocorrelation, of energy 1."""
        padded = np.zeros((GRID, GRID))
        side = 2 * REACH + 1
        padded[:side, :side] = self.autocorrelation
        power = np.fft.fft2(np.roll(padded, (-REACH, -REACH), (0, 1))).real
        root = np.fft.ifft2(np.sqrt(np.maximum(power, 0))).real
        kernel = np.roll(root, (REACH, REACH), (0, 1))[:side, :side]
        return np.asarray(kernel / np.linalg.norm(kernel), np.float32)

    @cached_property
    def mixing(self) -> F32:
        """[3, 3]: symmetric root of the channels' correlation."""
        values, vectors = np.linalg.eigh(self.channels)
        root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
        return np.asarray(root, np.float32)


def grain_of(patches: U8) -> tuple[F64, F64]:
    """Return the autocorrelation and channel correlation of noise patches.

    Args:
        patches: [k, P, P, 3], P at least 16; `PATCHES` of them are looked at.

    Returns:
        [9, 9] and [3, 3]; NaN where there are no patches.
    """
    side = 2 * REACH + 1
    if not len(patches):
        return np.full((side, side), np.nan), np.full((3, 3), np.nan)
    chosen = np.unique(np.linspace(0, len(patches) - 1, PATCHES).astype(int))
    found = [_covariances(patch) for patch in patches[chosen]]
    spatial, channels = (np.mean(kind, axis=0) for kind in zip(*found, strict=True))
    power = np.sqrt(np.diag(channels)) + 1e-9
    middle = max(float(spatial[REACH, REACH]), 1e-9)
    return spatial / middle, channels / np.outer(power, power)


def measure(histogram: I64, autocorrelations: F64, correlations: F64) -> SensorNoise:
    """Return the sensor that a set of photos shows.

    Texture only adds to the correlation of neighbours, so the autocorrelation is the lowest decile
    over the photos, lag by lag. What is still correlated at the farthest lag is shading that the
    patches hold beside noise: it is taken off.

    Args:
        histogram: Sum of `floor.residual_histogram` over all photos.
        autocorrelations: [n, 9, 9], a photo's each (`grain_of`); NaN rows are photos without.
        correlations: [n, 3, 3], likewise.
    """
    spatial = np.nanpercentile(autocorrelations, 10, axis=0)
    spatial = (spatial + spatial[::-1, ::-1]) / 2
    frame = np.ones_like(spatial, bool)
    frame[1:-1, 1:-1] = False
    shading = float(np.clip(np.median(spatial[frame]), 0, 0.9))
    spatial = (spatial - shading) / (1 - shading)
    channels = np.nanmedian(correlations, axis=0)
    np.fill_diagonal(channels, 1)
    return SensorNoise(variance_curve(histogram, spatial), spatial, channels)


def _covariances(patch: U8) -> tuple[F64, F64]:
    """Return what detrended channels have in common, as mean products.

    Returns:
        [9, 9] at each lag, each channel with itself, summed over them; [3, 3] of the channels with
        each other at no lag.
    """
    from scipy.fft import irfft2, rfft2  # a fifth of a second, when first needed

    edge = max(0, (len(patch) - SIDE) // 2)
    patch = patch[edge : edge + SIDE, edge : edge + SIDE]
    levels = patch.transpose(2, 0, 1).astype(np.float64)
    basis = polynomials(len(patch)).astype(np.float64)
    levels -= basis @ (basis.T @ levels @ basis) @ basis.T
    inside = levels[:, REACH:-REACH, REACH:-REACH]
    pixels = inside[0].size
    # Circular, which is no matter: from the pixels inside no lag reaches the other border.
    centre = np.pad(inside, ((0, 0), (REACH, REACH), (REACH, REACH)))
    spectrum = (rfft2(centre).conj() * rfft2(levels)).sum(0)
    lags = np.arange(-REACH, REACH + 1)
    spatial = irfft2(spectrum, patch.shape[:2])[lags[:, None], lags] / pixels
    # The lag the other way has the same products, but for those at the border.
    spatial.flat[spatial.size // 2 :] = spatial.flat[spatial.size // 2 :: -1]
    flat = inside.reshape(3, -1)
    return spatial, flat @ flat.T / pixels


def share_left(
    autocorrelation: F64, kernel: npt.NDArray[np.floating] | None, scale: int, cleanup: int
) -> float:
    """Return the variance of the noise in LR over that in the photo, to which noise is then added.

    Clean-up (bicubic, by ``cleanup``) and ``kernel`` are one linear filter h on the photo's pixels;
    noise of unit variance and autocorrelation r leaves sum_pq h_p h_q r(p - q).

    Args:
        autocorrelation: [2R+1, 2R+1] of the photo's noise, 1 in the middle.
        kernel: [K, K], as `degrade.degradation.downsample` takes it; None is bicubic.
        scale: HR pixels per LR pixel.
        cleanup: Photo pixels per HR pixel; 1 is none.
    """
    from scipy.signal import convolve2d  # which loads all of scipy.stats: half a second

    taps = bicubic_taps(scale)
    blur = np.outer(taps, taps) if kernel is None else np.asarray(kernel, np.float64)
    if cleanup > 1:
        first = bicubic_taps(cleanup)
        spread = np.zeros(((len(blur) - 1) * cleanup + 1,) * 2)
        spread[::cleanup, ::cleanup] = blur
        blur = convolve2d(spread, np.outer(first, first))
    size = 2 * len(blur)
    power = np.fft.ifft2(np.square(np.abs(np.fft.fft2(blur, (size, size))))).real
    reach = min(len(autocorrelation) // 2, len(blur) - 1)
    middle = len(autocorrelation) // 2
    near = autocorrelation[middle - reach : middle + reach + 1][
        :, middle - reach : middle + reach + 1
    ]
    lags = np.arange(-reach, reach + 1)
    share = float((power[np.ix_(lags, lags)] * near).sum())
    return float(np.clip(share, 0, 1))
