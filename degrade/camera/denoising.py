"""Denoising of luma and chroma: neighbours that differ by no more than noise does are averaged."""

from collections.abc import Sequence

import numpy as np

from degrade.arrays import F32
from degrade.camera.parameters import Cameras
from degrade.camera.planes import (
    Planes,
    channel_sum,
    column,
    luma_chroma,
    mirrored,
    namespace,
    rgb_of,
    window,
)

REACH, WIDE = 2, 3
"""Farthest neighbour along an axis, pixels; and distance of those of the second pass."""
LUMA_SPREAD, CHROMA_SPREAD = 1.2, 2.0
"""Standard deviation of the weights by distance, pixels."""


def _half() -> list[tuple[int, int]]:
    """Return one (row, col) of each two opposite neighbours within reach, but the corners."""
    square = [(r, c) for r in range(REACH + 1) for c in range(-REACH, REACH + 1)]
    return [(r, c) for r, c in square if (r, c) > (0, 0) and r * r + c * c < 2 * REACH * REACH]


LUMA_PAIRS = _half()
CHROMA_PAIRS = [(row, col) for row, col in LUMA_PAIRS if (row + col) % 2 == 0]
"""Of colour, which is smooth after demosaicing, every second neighbour tells as much."""


WIDE_PAIRS = [(0, WIDE), (WIDE, 0), (WIDE, WIDE), (WIDE, -WIDE)]
WIDE_SPREAD = 1.5 * WIDE
STRONG, LEFT = 2.0, 0.25
"""Strength from which denoisers look farther, and the variance that the first pass leaves them."""


def denoised(rgb: Planes, cameras: Cameras) -> Planes:
    """Smooth linear RGB [B, 3, H, W] as strongly as each camera does.

    A bilateral filter (Tomasi and Manduchi, 1998) of luma and one of both chroma planes together,
    whose range is a multiple of the noise's standard deviation at the pixel's brightness. Where it
    is strong, a second one of neighbours farther away follows (holes as in the "a trous" wavelet):
    phones leave hardly any noise in flat places.
    """
    luma, chroma = luma_chroma(rgb)
    xp = namespace(rgb)
    shot, read = (column(rgb, cameras[name]) for name in ("shot", "read"))
    variance = shot * xp.clip(luma, 0, 1) + read
    smooth = []
    for planes, name, pairs, spread in (
        (luma, "denoise_luma", LUMA_PAIRS, LUMA_SPREAD),
        (chroma, "denoise_chroma", CHROMA_PAIRS, CHROMA_SPREAD),
    ):
        near = _bilateral(planes, variance, cameras[name], pairs, spread)
        farther = 2 * np.maximum(cameras[name] - STRONG, 0)
        smooth.append(_bilateral(near, LEFT * variance, farther, WIDE_PAIRS, WIDE_SPREAD))
    return rgb_of(*smooth)


def _bilateral(
    planes: Planes, variance: Planes, strength: F32, pairs: Sequence[tuple[int, int]], spread: float
) -> Planes:
    """Average neighbours by distance, and by difference over ``strength`` [B] deviations.

    The weight of a difference d of s deviations is 1 / (1 + (d/s)^2)^2 (Geman and McClure, 1985):
    as a Gaussian's near 0, at half its cost. A pair of pixels has one weight, by the noise of the
    first of the two, and is looked at once.
    """
    if not strength.any():
        return planes
    reach = max(map(max, pairs))
    padded = mirrored(planes, reach)
    precision = mirrored(1 / (column(planes, strength) ** 2 * variance + 1e-12), reach)
    gained, weight = 0 * padded, 0 * precision + 1
    height, width = padded.shape[-2:]
    for row, col in pairs:
        left, right = max(0, -col), max(0, col)
        here = (..., slice(0, height - row), slice(left, width - right))
        there = (..., slice(row, height), slice(right, width - left))
        step = padded[there] - padded[here]
        share = channel_sum(step * step)
        share *= precision[here]
        share += 1
        share *= share
        share = float(np.exp(-(row * row + col * col) / (2 * spread**2))) / share
        weight[here] += share
        weight[there] += share
        step *= share
        gained[here] += step
        gained[there] -= step
    return planes + window(gained / weight, reach, 0, 0)
