"""Denoising of luma and chroma: neighbours that differ by no more than noise does are averaged."""

from collections.abc import Sequence
from types import EllipsisType
from typing import TypeAlias

import numpy as np

from degrade.arrays import F32
from degrade.camera.parameters import Cameras
from degrade.camera.planes import (
    Planes,
    blur,
    channel_sum,
    column,
    luma_chroma,
    mirrored,
    rgb_of,
    window,
)
from degrade.camera.tone import display_variance

Window: TypeAlias = tuple[EllipsisType, slice, slice]

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
"""Every second neighbour: colour is smooth after demosaicing, and the others add no information."""


WIDE_PAIRS = [(0, WIDE), (WIDE, 0), (WIDE, WIDE), (WIDE, -WIDE)]
WIDE_SPREAD = 1.5 * WIDE
PATCH = 5
"""Side of the patches that non-local means compares, pixels."""
LUMA_REACH, CHROMA_REACH = 2, 7
"""Reach in pixels of the Gaussians that follow non-local means."""
STRONG, LEFT = 2.0, 0.25
"""Strength from which a bilateral filter looks farther, and the share of the variance that its
first pass leaves."""


def denoised(display: Planes, cameras: Cameras, denoiser: str) -> Planes:
    """Smooth RGB in display tones, [B, 3, H, W], as strongly as each camera does.

    A bilateral filter (Tomasi and Manduchi, 1998) of luma and one of both chroma planes together,
    whose range is a multiple of the noise's standard deviation at the pixel's brightness. Where it
    is strong, a second one of neighbours farther away follows (holes as in the "a trous" wavelet):
    phones leave hardly any noise in flat places. Non-local means (Buades, Coll and Morel, 2005)
    compares luma by patches, in whose mean square difference the noise of pixels cancels out: it
    keeps texture that a bilateral filter as thorough would take, for it looks farther at any
    strength. A Gaussian of each follows, which is all that simpler processors do, to colour above
    all.

    Args:
        display: In [0, 1]; in linear light, smoothing would brighten what is textured.
        cameras: B of them.
        denoiser: Of luma, one of `DENOISERS`.
    """
    luma, chroma = luma_chroma(display)
    variance = display_variance(luma, cameras.tones, cameras["shot"], cameras["read"])
    patch = PATCH if denoiser == "non-local means" else 1
    smooth = []
    for planes, name, pairs, spread, side in (
        (luma, "denoise_luma", LUMA_PAIRS, LUMA_SPREAD, patch),
        (chroma, "denoise_chroma", CHROMA_PAIRS, CHROMA_SPREAD, 1),
    ):
        near = _averaged(planes, variance, cameras[name], pairs, spread, side)
        farther = cameras[name] if side > 1 else 2 * np.maximum(cameras[name] - STRONG, 0)
        smooth.append(_averaged(near, LEFT * variance, farther, WIDE_PAIRS, WIDE_SPREAD, side))
    luma, chroma = smooth
    luma = blur(luma, cameras["smooth_luma"], LUMA_REACH)
    return rgb_of(luma, blur(chroma, cameras["smooth_chroma"], CHROMA_REACH))


def _averaged(
    planes: Planes,
    variance: Planes,
    strength: F32,
    pairs: Sequence[tuple[int, int]],
    spread: float,
    patch: int,
) -> Planes:
    """Average neighbours by distance, and by difference over ``strength`` [B] deviations.

    The weight of a difference d of s deviations is 1 / (1 + (d/s)^2)^2 (Geman and McClure, 1985):
    as a Gaussian's near 0, at half its cost. Its square is the mean over the ``patch`` pixels along
    an axis around the two. A pair of pixels has one weight, by the noise of the first of the two,
    and is looked at once.
    """
    if not strength.any():
        return planes
    half = patch // 2
    around = max(map(max, pairs)) + half
    padded = mirrored(planes, around)
    precision = mirrored(1 / (column(planes, strength) ** 2 * variance + 1e-12), around)
    gained, weight = 0 * padded, 0 * precision + 1
    height, width = padded.shape[-2:]
    for row, col in pairs:
        left, right = max(0, -col), max(0, col)
        both = (0, left, height - row, width - right), (row, right, height, width - left)
        first, second = (padded[_inside(0, *edges)] for edges in both)
        here, there = (_inside(half, *edges) for edges in both)
        step = second - first
        share = _patch_mean(channel_sum(step * step), patch)
        step = step[_inside(half, 0, 0, *step.shape[-2:])]
        share *= precision[here]
        share += 1
        share *= share
        share = float(np.exp(-(row * row + col * col) / (2 * spread**2))) / share
        weight[here] += share
        weight[there] += share
        step *= share
        gained[here] += step
        gained[there] -= step
    return planes + window(gained / weight, around, 0, 0)


def _inside(less: int, top: int, left: int, bottom: int, right: int) -> Window:
    """Return the window between rows and columns, ``less`` pixels smaller at each side."""
    return (..., slice(top + less, bottom - less), slice(left + less, right - less))


def _patch_mean(planes: Planes, side: int) -> Planes:
    """Return the mean of each ``side`` by ``side`` pixels that lie within planes."""
    if side == 1:
        return planes
    height, width = (length - side + 1 for length in planes.shape[-2:])
    tall = sum(planes[..., at : at + height, :] for at in range(side))
    return sum(tall[..., at : at + width] for at in range(side)) / side**2
