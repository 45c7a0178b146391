"""Denoising of luma and chroma: neighbours that differ by no more than noise does are averaged."""

import numpy as np

from degrade.arrays import F32
from degrade.camera.parameters import Cameras
from degrade.camera.planes import (
    Planes,
    column,
    luma_chroma,
    mirrored,
    namespace,
    rgb_of,
    window,
)

LUMA_REACH, CHROMA_REACH = 2, 2
"""Farthest neighbour, pixels."""
LUMA_SPREAD, CHROMA_SPREAD = 1.2, 2.0
"""Standard deviation of the weights by distance, pixels."""


def denoised(rgb: Planes, cameras: Cameras) -> Planes:
    """Smooth linear RGB [B, 3, H, W] as strongly as each camera does.

    A bilateral filter (Tomasi and Manduchi, 1998) of luma and one of both chroma planes together,
    whose range is a multiple of the noise's standard deviation at the pixel's brightness.
    """
    luma, chroma = luma_chroma(rgb)
    xp = namespace(rgb)
    shot, read = (column(rgb, cameras[name]) for name in ("shot", "read"))
    variance = shot * xp.clip(luma, 0, 1) + read
    smooth_luma = _bilateral(luma, variance, cameras["denoise_luma"], LUMA_REACH, LUMA_SPREAD)
    strength = cameras["denoise_chroma"]
    smooth_chroma = _bilateral(chroma, variance, strength, CHROMA_REACH, CHROMA_SPREAD)
    return rgb_of(smooth_luma, smooth_chroma)


def _bilateral(
    planes: Planes, variance: Planes, strength: F32, reach: int, spread: float
) -> Planes:
    """Average neighbours by distance, and by difference over ``strength`` [B] deviations.

    The weight of a difference d of s deviations is 1 / (1 + (d/s)^2)^2 (Geman and McClure, 1985):
    as a Gaussian's near 0, at half its cost.
    """
    if not strength.any():
        return planes
    padded = mirrored(planes, reach)
    precision = 1 / (column(planes, strength) ** 2 * variance + 1e-12)
    total, weight = planes * 1, namespace(planes).ones_like(variance)
    for row, col in np.ndindex(2 * reach + 1, 2 * reach + 1):
        square = (row - reach) ** 2 + (col - reach) ** 2
        if not square:
            continue
        neighbour = window(padded, reach, row - reach, col - reach)
        share = neighbour - planes
        share *= share
        share = share if len(share[0]) == 1 else share.sum(1)[:, None]
        share *= precision
        share += 1
        share *= share
        share = float(np.exp(-square / (2 * spread**2))) / share
        total += share * neighbour
        weight += share
    total /= weight
    return total
