"""The model that `degrade.kernels.spectral` fits to photos' power spectra, with its gradient."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from degrade.arrays import F64
from degrade.kernels.spectrum import ANGLES, polar_bins
from degrade.kernels.transfer import power_gain

PIVOT = 0.2
"""Frequency at which A is the scene's power: about the middle of the band."""
LEAK = 1e-3
"""Power of a real kernel beyond its Gaussian, relative to its gain at 0 (-30 dB)."""
AMPLITUDES = 6
"""Index of the first amplitude among the parameters."""
MAX_AMPLITUDE = 30.0
"""The largest log amplitude of a direction, so that no step of a fit overflows."""


@dataclass(frozen=True)
class LogPower:
    """log P of the model in every bin, [K, B], and its gradient [K, B, 6 + ANGLES]."""

    value: F64
    gradient: F64


def log_power(points: F64, floor: float, shaped: bool) -> LogPower:
    """Return the logarithm of the model's power in every polar bin, and its gradient.

    Args:
        points: [K, 6 + ANGLES]: m, a, b, log shape (`spectral.Blur`), alpha, log n / ``floor``, and
            log A per direction.
        floor: Power of the noise as measured.
        shaped: Whether the kernel may be other than a Gaussian.
    """
    forms, radius, directions = _geometry()
    scale, turned = _matrix_exponential(*points.T[:3])
    square = (scale @ forms.reshape(3, -1)).reshape(-1, *radius.shape)
    gain, at_square, at_shape = _gain(square, points[:, 3], shaped)
    gain[..., 0] += LEAK
    scene = np.exp(-points[:, 4, None, None] * radius)
    logs = points[:, AMPLITUDES:]
    inside = np.abs(logs) < MAX_AMPLITUDE
    amplitude = np.exp(np.clip(logs, -MAX_AMPLITUDE, MAX_AMPLITUDE)) @ directions.T
    passed = scene * gain
    signal = amplitude * passed.sum(axis=2)
    noise = floor * np.exp(points[:, 5, None])
    gradient = np.empty((*signal.shape, AMPLITUDES + ANGLES))
    at_scale = np.einsum("kbm,fbm->kbf", scene * at_square, forms)
    gradient[..., :3] = amplitude[..., None] * (at_scale @ turned.swapaxes(1, 2))
    gradient[..., 3] = amplitude * (scene * at_shape).sum(axis=2) if shaped else 0.0
    gradient[..., 4] = -amplitude * np.einsum("kbm,bm->kb", passed, radius)
    gradient[..., 5] = noise
    gradient[..., AMPLITUDES:] = signal[..., None] * (directions * inside[:, None])
    power = signal + noise
    gradient /= power[..., None]
    return LogPower(np.log(power), gradient)


@cache
def _geometry() -> tuple[F64, F64, F64]:
    """Return what the bins' places say.

    Returns:
        [3, B, 9] x^2, 2 x y and y^2 of a bin and of those that fold onto it, [B, 9] the logarithm
        of their radius over PIVOT, and [B, ANGLES] 1 where a bin's direction is.
    """
    bins = polar_bins()
    forms = np.stack([bins.x**2, 2 * bins.x * bins.y, bins.y**2])
    return forms, np.log(np.hypot(bins.x, bins.y) / PIVOT), np.eye(ANGLES)[bins.angle]


def _gain(square: F64, log_shape: F64, shaped: bool) -> tuple[F64, F64, F64]:
    """Return the kernels' squared transfer function of u'Su, and its slopes by that and by shape.

    A Gaussian's is exp(-4 pi^2 u'Su), and its slope by shape is not asked for.
    """
    if not shaped:
        gain = np.exp(-4 * np.pi**2 * square)
        return gain, -4 * np.pi**2 * gain, np.zeros(())
    frequency = 2 * np.pi * np.sqrt(square)
    gain, slope, at_shape = power_gain(frequency, log_shape)
    return gain, slope * 2 * np.pi**2 / np.maximum(frequency, 1e-12), at_shape


def _matrix_exponential(m: F64, a: F64, b: F64) -> tuple[F64, F64]:
    """Return xx, xy and yy of S = exp [[m + a, b], [b, m - a]], and their slopes by m, a, b.

    exp = e^m (cosh s + [[a, b], [b, -a]] sinh s / s) with s = sqrt(a^2 + b^2).

    The parameters are [K] each, the matrices' entries [K, 3], and the slopes, parameter by
    parameter, [K, 3, 3].
    """
    size = np.hypot(a, b)
    even = np.cosh(size)
    odd = np.where(size > 1e-6, np.sinh(size) / np.maximum(size, 1e-6), 1.0)
    # d odd / d a = bend * a
    bend = np.where(size > 1e-3, (even - odd) / np.maximum(size, 1e-3) ** 2, 1 / 3)
    scale = np.array([even + odd * a, odd * b, even - odd * a])
    by_a = np.array([odd * a + bend * a * a + odd, bend * a * b, odd * a - bend * a * a - odd])
    by_b = np.array([odd * b + bend * a * b, bend * b * b + odd, odd * b - bend * a * b])
    level = np.exp(m)
    return (level * scale).T, (level * np.array([scale, by_a, by_b])).transpose(2, 0, 1)
