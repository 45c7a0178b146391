"""The model that `degrade.kernels.spectral` fits to a photo's power spectrum, with its gradient."""

from dataclasses import dataclass

import numpy as np

from degrade.arrays import F64
from degrade.kernels.spectrum import ANGLES, Bins
from degrade.kernels.transfer import power_gain

PIVOT = 0.2
"""Frequency at which A is the scene's power: about the middle of the band."""
LEAK = 1e-3
"""Power of a real kernel beyond its Gaussian, relative to its gain at 0 (-30 dB)."""
AMPLITUDES = 6
"""Index of the first amplitude among the parameters."""
MAX_AMPLITUDE = 30.0
"""The largest log amplitude of a direction, so that no step of a fit overflows."""
_STEP = 1e-6
"""Difference of the shape's logarithm by which its slope is measured."""


@dataclass(frozen=True)
class LogPower:
    """log P of the model in every bin, [B], and its gradient [B, 6 + ANGLES]."""

    value: F64
    gradient: F64


def log_power(point: F64, bins: Bins, floor: float, shaped: bool) -> LogPower:
    """Return the logarithm of the model's power in every bin, and its gradient.

    Args:
        point: [6 + ANGLES]: m, a, b, log shape (`spectral.Blur`), alpha, log n / ``floor``, and
            log A per direction.
        bins: The spectrum's polar bins.
        floor: Power of the noise as measured.
        shaped: Whether the kernel may be other than a Gaussian.
    """
    scale, turned = _matrix_exponential(*point[:3])
    forms = np.stack([bins.x**2, 2 * bins.x * bins.y, bins.y**2])
    square = np.tensordot(scale, forms, 1)
    gain, at_square, at_shape = _gain(square, point[3], shaped)
    gain[:, 0] += LEAK
    radius = np.log(np.hypot(bins.x, bins.y) / PIVOT)
    scene = np.exp(-point[4] * radius)
    noise = floor * np.exp(point[5])
    inside = np.abs(point[AMPLITUDES:]) < MAX_AMPLITUDE
    amplitude = np.exp(np.clip(point[AMPLITUDES:], -MAX_AMPLITUDE, MAX_AMPLITUDE))[bins.angle]
    signal = amplitude * (scene * gain).sum(axis=1)
    power = signal + noise
    at_scale = (scene * at_square * forms).sum(axis=2)
    of_direction = np.eye(ANGLES)[bins.angle] * inside
    slopes = [
        *(amplitude * (turned @ at_scale)),
        amplitude * (scene * at_shape).sum(axis=1),
        -amplitude * (scene * gain * radius).sum(axis=1),
        np.full(len(power), noise),
    ]
    gradient = np.column_stack([np.transpose(slopes), signal[:, None] * of_direction])
    return LogPower(np.log(power), gradient / power[:, None])


def _gain(square: F64, log_shape: float, shaped: bool) -> tuple[F64, F64, F64]:
    """Return the kernel's squared transfer function of u'Su, and its slopes by that and by shape.

    A Gaussian's is exp(-4 pi^2 u'Su).
    """
    if not shaped:
        gain = np.exp(-4 * np.pi**2 * square)
        return gain, -4 * np.pi**2 * gain, np.zeros_like(gain)
    frequency = 2 * np.pi * np.sqrt(square)
    gain, slope = power_gain(frequency, log_shape)
    further, _ = power_gain(frequency, log_shape + _STEP)
    by_square = slope * 2 * np.pi**2 / np.maximum(frequency, 1e-12)
    return gain, by_square, (further - gain) / _STEP


def _matrix_exponential(m: float, a: float, b: float) -> tuple[F64, F64]:
    """Return xx, xy and yy of S = exp [[m + a, b], [b, m - a]], and [3, 3] their slopes by m, a, b.

    exp = e^m (cosh s + [[a, b], [b, -a]] sinh s / s) with s = sqrt(a^2 + b^2).
    """
    size = float(np.hypot(a, b))
    even = np.cosh(size)
    odd = np.sinh(size) / size if size > 1e-6 else 1.0
    bend = (even - odd) / size**2 if size > 1e-3 else 1 / 3  # d odd / d a = bend * a
    scale = np.array([even + odd * a, odd * b, even - odd * a])
    by_a = [odd * a + bend * a * a + odd, bend * a * b, odd * a - bend * a * a - odd]
    by_b = [odd * b + bend * a * b, bend * b * b + odd, odd * b - bend * a * b]
    level = np.exp(m)
    return level * scale, level * np.array([scale, by_a, by_b])
