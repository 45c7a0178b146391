"""The lens, and the area of the sensor's pixels."""

from functools import cache
from typing import Any

import numpy as np

from degrade.arrays import F32, F64
from degrade.camera.parameters import Cameras
from degrade.camera.planes import Planes, fourier, like


def through_lens(light: Planes, cameras: Cameras, scale: int) -> Planes:
    """Blur linear light [B, 3, H, W] in HR pixels by each camera's lens, per channel.

    The transfer function is that of an oval Gaussian times that of a disc of defocus, applied by
    Fourier transform: what lies within the blur of one edge sees the opposite one.
    """
    fft, (height, width) = fourier(light), light.shape[-2:]
    transfer = transfer_function(cameras, scale, height, width)
    spectrum = fft.rfft2(light) * like(light, transfer)
    return fft.irfft2(spectrum, (height, width))


def transfer_function(cameras: Cameras, scale: int, height: int, width: int) -> F32:
    """Return the lens's response [B, 3, H, W // 2 + 1] at the frequencies of NumPy's rfft2."""
    rows = np.float32(scale * np.fft.fftfreq(height)[:, None])
    columns = np.float32(scale * np.fft.rfftfreq(width)[None])
    angle, aspect = (cameras[name][:, None, None] for name in ("angle", "aspect"))
    along = columns * np.cos(angle) + rows * np.sin(angle)
    across = rows * np.cos(angle) - columns * np.sin(angle)
    square = (along**2 + (aspect * across) ** 2)[:, None]
    ratios = np.stack([cameras["blur_red"], np.ones(len(cameras)), cameras["blur_blue"]], axis=1)
    sigma = (cameras["blur"][:, None] * ratios)[..., None, None]
    response = np.exp(-2 * np.pi**2 * sigma**2 * square)
    distance = np.hypot(rows, columns)
    disc = _disc(distance * cameras["defocus"][:, None, None])[:, None]
    return np.asarray(response * disc, np.float32)


def _disc(radii: F64) -> F64:
    """Return the transfer function of a disc, at frequency times radius (Goodman, eq. 6-37)."""
    from scipy.special import j1  # a fifth of a second, when first needed

    argument = 2 * np.pi * np.maximum(radii, 1e-6)
    return np.asarray(2 * j1(argument) / argument)


def onto_pixels(light: Planes, pitch: float, count: tuple[int, int]) -> Planes:
    """Return the mean over square pixels of side ``pitch``, side by side from the first corner.

    Args:
        light: [B, C, H, W].
        pitch: Side of a pixel in pixels of ``light``, at least 1.
        count: Rows and columns of pixels; all of them lie inside ``light``.
    """
    if pitch == 1:
        return light[..., : count[0], : count[1]]
    rows, columns = (
        like(light, area_matrix(n, length, pitch))
        for n, length in zip(count, light.shape[-2:], strict=True)
    )
    swapped: Any = columns.T
    return rows @ light @ swapped


@cache
def area_matrix(count: int, length: int, pitch: float) -> F32:
    """Return [count, length]: the share of each pixel of side ``pitch`` that each sample covers."""
    edges = np.arange(count + 1) * pitch
    low = np.maximum(edges[:-1, None], np.arange(length)[None])
    high = np.minimum(edges[1:, None], np.arange(1, length + 1)[None])
    return np.asarray(np.maximum(high - low, 0) / pitch, np.float32)
