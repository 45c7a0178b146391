"""Where KernelGAN looks: crops drawn by the photo's gradients (Bell-Kligler et al., 2019)."""

from dataclasses import dataclass

import cv2
import numpy as np

from degrade.arrays import F32, F64, I64, Image
from degrade.images.colour import luma
from degrade.images.resize import bicubic
from degrade.kernels.estimator_settings import KernelSettings
from degrade.randomness import stream

_WINDOW = 5
_STRONGEST = 0.03


@dataclass(frozen=True)
class CropMaps:
    """Cumulative probabilities of the crops' centres, flattened row by row.

    Attributes:
        generator: For crops of ``settings.crop`` pixels; [H * W] float64, ends at 1.
        discriminator: For crops of ``settings.downscaled_crop`` pixels; the same.
        shape: (H, W) of the shaved photo that both refer to.
    """

    generator: F64
    discriminator: F64
    shape: tuple[int, int]


@dataclass(frozen=True)
class CropCorners:
    """Top-left corners of one lane's crops in the shaved photo, one row per iteration.

    Attributes:
        generator: [iterations, 2] int64, rows and columns, even numbers.
        discriminator: The same for the discriminator's crops.
    """

    generator: I64
    discriminator: I64


def shaved(photo: Image, settings: KernelSettings) -> Image:
    """Return a view of ``photo`` without its borders, cut to even height and width."""
    margin = settings.shave
    height, width = (side - 2 * margin - side % 2 for side in photo.shape[:2])
    return photo[margin : margin + height, margin : margin + width]


def crop_maps(photo: Image, settings: KernelSettings) -> CropMaps | None:
    """Return where to crop ``photo``, or None if it has no gradients to choose by.

    The generator's crops follow the gradients of the photo at half size, the discriminator's those
    of the photo itself: each network sees patches that are textured at its own scale.

    Args:
        photo: RGB, at least ``settings.min_side`` pixels on each side.
        settings: Crop sizes and shaved border.
    """
    grey = luma(shaved(photo, settings))
    half = gradient_map(bicubic(grey[..., None], 0.5)[..., 0])
    size = grey.shape[1], grey.shape[0]
    coarse = np.asarray(cv2.resize(half, size, interpolation=cv2.INTER_NEAREST), np.float32)
    generator = _cumulative(coarse, settings.crop)
    discriminator = _cumulative(gradient_map(grey), settings.downscaled_crop)
    if generator is None or discriminator is None:
        return None
    return CropMaps(generator, discriminator, (grey.shape[0], grey.shape[1]))


def gradient_map(grey: F32) -> F32:
    """Return where the strongest 3 % of the gradients lie, box-blurred, with mean 1.

    Horizontal, vertical and total gradients count alike. The map is zero where a photo has no
    gradient that stands out, as in a flat picture or a ramp.

    Args:
        grey: [H, W] in any range.
    """
    down, across = (np.asarray(part, np.float32) for part in np.gradient(grey))
    combined = np.zeros_like(grey)
    for part in (cv2.magnitude(across, down), np.abs(across), np.abs(down)):
        strongest = _strongest(_clear_border(np.asarray(part, np.float32), _WINDOW))
        total = strongest.sum(dtype=np.float64)
        if total > 0:
            combined += strongest / np.float32(total)
    blurred = _box(combined, _WINDOW)
    mean = blurred.mean(dtype=np.float64)
    return blurred / np.float32(mean) if mean > 0 else blurred


def draw_corners(maps: CropMaps, settings: KernelSettings, seed: int, key: str) -> CropCorners:
    """Draw the crops of every iteration: a function of the photo, ``seed`` and ``key`` alone."""

    def corners(cumulative: F64, size: int, name: str) -> I64:
        draws = stream(seed, "kernelgan", key, name).random(settings.iterations)
        centres = np.searchsorted(cumulative, draws, side="right")
        positions = np.stack(np.unravel_index(centres, maps.shape), axis=1) - size // 2
        inside = np.clip(positions, 0, np.array(maps.shape) - size)
        return np.asarray(inside - inside % 2, dtype=np.int64)

    return CropCorners(
        corners(maps.generator, settings.crop, "generator-crops"),
        corners(maps.discriminator, settings.downscaled_crop, "discriminator-crops"),
    )


def _strongest(values: F32) -> F32:
    """Keep what exceeds the 97th percentile, up to the next larger value: nearly a binary mask."""
    pivot = int((1 - _STRONGEST) * values.size)
    low, high = np.partition(values, (pivot, pivot + 1), axis=None)[pivot : pivot + 2]
    if not high > low:
        high = np.nextafter(np.float32(low + 1e-5), np.float32(np.inf))
    return np.asarray(np.clip(values, low, high) - low)


def _cumulative(weights: F32, crop: int) -> F64 | None:
    """Turn a map into cumulative probabilities of centres whose crops lie inside the photo."""
    inside = _clear_border(_box(weights, crop // 2), crop // 2)
    cumulative = np.cumsum(inside, axis=None, dtype=np.float64)
    if not cumulative[-1] > 0:
        return None
    cumulative /= cumulative[-1]
    return cumulative


def _box(values: F32, side: int) -> F32:
    # Sums in float64: running sums of a box leave residues where all of its values are zero.
    blurred = cv2.boxFilter(values, cv2.CV_64F, (side, side), borderType=cv2.BORDER_CONSTANT)
    return np.asarray(blurred, np.float32)


def _clear_border(values: F32, margin: int) -> F32:
    """Set the outermost rows and columns to zero, in place."""
    values[:margin], values[-margin:] = 0, 0
    values[:, :margin], values[:, -margin:] = 0, 0
    return values
