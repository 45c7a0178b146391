"""A photo of a scene: light, lens, pixels, mosaic, noise, demosaicing, denoising, tones, JPEG."""

from dataclasses import dataclass

import numpy as np

from degrade.arrays import F32, I64
from degrade.camera.demosaicing import METHODS
from degrade.camera.denoising import denoised
from degrade.camera.optics import onto_pixels, through_lens
from degrade.camera.parameters import DEMOSAICING, OVERSAMPLING, Cameras
from degrade.camera.planes import Planes, column, like, namespace
from degrade.camera.sensor import bayer_masks, exposed
from degrade.camera.sharpening import sharpened
from degrade.camera.tone import to_display, to_light

AT_ONCE = 8
"""Pictures whose planes are held together: more would not stay in the processor's cache."""


@dataclass(frozen=True)
class Chances:
    """What differs from photo to photo of one camera, drawn for B pictures.

    Attributes:
        bayer: [B, 2], row and column of the first red pixel, 0 or 1.
        white: [B, 3, h, w], standard normal, as many as the sensor has pixels at the most.
    """

    bayer: I64
    white: F32


def sensor_noise(rng: np.random.Generator, count: int, cameras: Cameras, side: int) -> F32:
    """Return noise for ``count`` square photos of ``side`` pixels by any of some cameras.

    As much as the largest of their sensors takes, [count, 3, h, h].
    """
    largest = max(OVERSAMPLING[over] for over in cameras.kinds[:, 0])
    pixels = round(side * largest)
    return rng.standard_normal((count, 3, pixels, pixels), np.float32)


def developed(hr: Planes, cameras: Cameras, chances: Chances, scale: int) -> Planes:
    """Return the photos of scenes before compression, [B, 3, H/scale, W/scale] display tones.

    Args:
        hr: [B, 3, H, W] uint8, H and W multiples of 4 * scale.
        cameras: B of them.
        chances: As many.
        scale: HR pixels per photo pixel.
    """
    xp = namespace(hr)
    kinds, inverse = np.unique(cameras.kinds, axis=0, return_inverse=True)
    order = [np.flatnonzero(inverse.ravel() == kind) for kind in range(len(kinds))]
    parts = []
    for same, (over, method) in zip(order, kinds.tolist(), strict=True):
        for first in range(0, len(same), AT_ONCE):
            rows = same[first : first + AT_ONCE]
            mine = Chances(chances.bayer[rows], chances.white[rows])
            parts.append(_developed(hr[rows], cameras.rows(rows), mine, scale, over, method))
    back = np.argsort(np.concatenate(order))
    return xp.concatenate(parts, 0)[back]


def _developed(
    hr: Planes, cameras: Cameras, chances: Chances, scale: int, over: int, method: int
) -> Planes:
    height, width = (length // scale for length in hr.shape[-2:])
    ratio = OVERSAMPLING[over]
    size = (round(height * ratio), round(width * ratio))
    light = through_lens(to_light(hr, cameras["contrast"]), cameras, scale)
    light = onto_pixels(light, scale / ratio, size)
    white = like(light, chances.white[:, :, : size[0], : size[1]])
    raw = exposed(light, cameras, white)
    if DEMOSAICING[method] != "none":
        masks = like(raw, bayer_masks(chances.bayer, *size))
        raw = METHODS[DEMOSAICING[method]]((raw * masks).sum(1)[:, None], masks)
    tones = to_display(denoised(raw, cameras), column(raw, cameras["contrast"]))
    photo = sharpened(tones, cameras)
    return photo if ratio == 1 else onto_pixels(photo, ratio, (height, width))
