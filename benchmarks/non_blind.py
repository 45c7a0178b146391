"""Plain non-blind super-resolution: the photo's own equation and few edges, nothing learnt.

    x = argmin |(x * k) sampled - y|^2 + weight * sum sqrt(|grad x|^2 + EDGE^2)

by iteratively reweighted least squares, each solved by conjugate gradients. What it lacks beside a
network it lacks for every kernel, so that its PSNR tells what a wrong kernel costs.
"""

from collections.abc import Callable

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

from degrade.arrays import F32, F64

EDGE = 2.0
"""Gradient in levels below which the penalty is quadratic."""
REWEIGHTINGS, STEPS = 4, 12


def restore(photo: F32, kernel: F32, scale: int, weight: float) -> F64:
    """Return the HR picture [scale * H, scale * W] of a grey photo [H, W], in levels.

    Args:
        photo: Grey levels of 0..255.
        kernel: [S, S] on the scale's canvas.
        scale: HR pixels per LR pixel.
        weight: Of the edges, grows with the photo's noise.
    """
    margin = len(kernel) // 2
    height, width = (scale * side for side in photo.shape)
    shape = tuple(next_fast_len(side + 2 * margin, real=True) for side in (height, width))
    pixels = (slice(margin, margin + height), slice(margin, margin + width))
    transfer = rfft2(_around_first(kernel, scale, shape))

    def blurred(x: F64, gain: F64) -> F64:
        return np.asarray(irfft2(rfft2(x) * gain, shape))

    def photographed(x: F64) -> F64:
        return blurred(x, transfer.conj())[pixels][::scale, ::scale]

    def back(y: F64 | F32) -> F64:
        spread = np.zeros(shape)
        spread[pixels][::scale, ::scale] = y
        return blurred(spread, transfer)

    target = back(photo)
    inner = np.repeat(np.repeat(photo, scale, 0), scale, 1)
    after = [side - margin - length for side, length in zip(shape, inner.shape, strict=True)]
    x = np.pad(inner.astype(np.float64), [(margin, end) for end in after], "edge")
    for _ in range(REWEIGHTINGS):
        across, down = _differences(x)
        trust = weight / np.sqrt(across**2 + down**2 + EDGE**2)

        def normal(v: F64, trust: F64 = trust) -> F64:
            across, down = _differences(v)
            return back(photographed(v)) - _divergence(trust * across, trust * down)

        x = _conjugate_gradients(normal, target, x)
    return x[pixels]


def _around_first(kernel: F32, scale: int, shape: tuple[int, ...]) -> F64:
    """Place a kernel, periodically, its centre (scale - 1) / 2 after the first pixel."""
    whole = np.zeros(shape)
    whole[: len(kernel), : len(kernel)] = kernel
    before = (len(kernel) - scale) // 2
    return np.roll(whole, (-before, -before), (0, 1))


def _differences(x: F64) -> tuple[F64, F64]:
    return np.roll(x, -1, 1) - x, np.roll(x, -1, 0) - x


def _divergence(across: F64, down: F64) -> F64:
    return np.asarray(across - np.roll(across, 1, 1) + down - np.roll(down, 1, 0))


def _conjugate_gradients(normal: Callable[[F64], F64], target: F64, x: F64) -> F64:
    rest = target - normal(x)
    direction, size = rest, float((rest**2).sum())
    for _ in range(STEPS):
        moved = normal(direction)
        step = size / float((direction * moved).sum())
        x, rest = x + step * direction, rest - step * moved
        before, size = size, float((rest**2).sum())
        direction = rest + size / before * direction
    return x
