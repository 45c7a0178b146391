"""A photo of a scene: light, lens, pixels, mosaic, noise, demosaicing, tones, denoising, JPEG."""

from dataclasses import dataclass

import numpy as np

from degrade.arrays import F32, I64
from degrade.camera.demosaicing import demosaiced
from degrade.camera.denoising import denoised
from degrade.camera.optics import onto_pixels, through_lens
from degrade.camera.parameters import DEMOSAICING, DENOISERS, OVERSAMPLING, Cameras
from degrade.camera.planes import Planes, channel_sum, like, namespace
from degrade.camera.sensor import bayer_masks, exposed, gains
from degrade.camera.sharpening import sharpened
from degrade.camera.tone import to_display, to_light

AT_ONCE = 2**16
"""Sensor pixels whose planes are held together: more would not stay in the processor's cache."""


@dataclass(frozen=True)
class ShotVariation:
    """What differs from photo to photo of one camera, drawn for B pictures.

    Attributes:
        bayer: [B, 2], row and column of the first red pixel, 0 or 1.
        white: [B, 1, h, w], standard normal, as many as the sensor has pixels at the most.
    """

    bayer: I64
    white: F32


def sensor_noise(rng: np.random.Generator, count: int, cameras: Cameras, side: int) -> F32:
    """Return noise for ``count`` square photos of ``side`` pixels by any of some cameras.

    As much as the largest of their sensors takes, [count, 1, h, h].
    """
    largest = max(OVERSAMPLING[over] for over in cameras.kinds[:, 0])
    pixels = round(side * largest)
    return rng.standard_normal((count, 1, pixels, pixels), np.float32)


def developed(hr: Planes, cameras: Cameras, chances: ShotVariation, scale: int) -> Planes:
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
    for same, kind in zip(order, kinds.tolist(), strict=True):
        pixels = hr.shape[-2] * hr.shape[-1] * (OVERSAMPLING[kind[0]] / scale) ** 2
        count = max(1, int(AT_ONCE / pixels))
        for first in range(0, len(same), count):
            rows = same[first : first + count]
            mine = ShotVariation(chances.bayer[rows], chances.white[rows])
            parts.append(_developed(hr[rows], cameras.rows(rows), mine, scale, *kind))
    back = np.argsort(np.concatenate(order))
    return xp.concatenate(parts, 0)[back]


def _developed(
    hr: Planes,
    cameras: Cameras,
    chances: ShotVariation,
    scale: int,
    over: int,
    method: int,
    denoiser: int,
) -> Planes:
    height, width = (length // scale for length in hr.shape[-2:])
    ratio = OVERSAMPLING[over]
    size = (round(height * ratio), round(width * ratio))
    light = through_lens(to_light(hr, cameras.tones), cameras, scale)
    light = onto_pixels(light, scale / ratio, size)
    white = like(light, chances.white[:, :, : size[0], : size[1]])
    balance = gains(cameras, light)
    if DEMOSAICING[method] == "none":
        raw = exposed(light, balance, cameras, _of_each_colour(white))
        tones = to_display(raw, cameras.tones)
    else:
        masks = like(light, bayer_masks(chances.bayer, *size))
        seen, its_balance = channel_sum(light * masks), channel_sum(balance * masks)
        mosaic = exposed(seen, its_balance, cameras, white)
        tones = demosaiced(
            mosaic, masks, DEMOSAICING[method], lambda light: to_display(light, cameras.tones)
        )
    photo = sharpened(denoised(tones, cameras, DENOISERS[denoiser]), cameras)
    return photo if ratio == 1 else onto_pixels(photo, ratio, (height, width))


def _of_each_colour(white: Planes) -> Planes:
    """Return noise [B, 3, h, w] whose colours have nothing in common near any pixel.

    It is the same noise a third of the picture away: a third of the draws.
    """
    third, roll = white.shape[2] // 3, namespace(white).roll
    return namespace(white).concatenate([white, roll(white, third, 2), roll(white, -third, 2)], 1)
