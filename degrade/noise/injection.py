"""Add noise to LR images: patches as RealSR does, patches scaled to the sensor, or synthesised."""

import cv2
import numpy as np

from degrade.arrays import F32, U8
from degrade.errors import SettingsError
from degrade.images.colour import unit_float
from degrade.noise.model import NoiseSource
from degrade.noise.sensor import REACH, SensorNoise


def random_patch(bank: NoiseSource, rng: np.random.Generator) -> U8:
    """Return a random one of a bank's patches; one draw."""
    return bank.patches.tile(int(rng.integers(len(bank.patches))))


def zero_mean(crop: U8) -> F32:
    """Return a crop in units of [0, 1] without the mean of each channel over the crop.

    Args:
        crop: [h, w, C] uint8, cut from a noise patch.
    """
    unit = unit_float(crop)
    mean = unit.mean(axis=(0, 1), dtype=np.float64)
    centred: F32 = unit - mean.astype(np.float32)
    return centred


def random_crop(patch: U8, height: int, width: int, rng: np.random.Generator) -> U8:
    """Return a random crop of a noise patch; two draws.

    Args:
        patch: [P, P, C] uint8 as mined.
        height: Rows of the crop.
        width: Columns of the crop.
        rng: Gives its place.

    Raises:
        SettingsError: The patch is smaller than the crop.
    """
    if patch.shape[0] < height or patch.shape[1] < width:
        raise SettingsError(
            f"noise patch of {patch.shape[1]}x{patch.shape[0]} pixels is smaller than the LR image "
            f"of {width}x{height}; mine larger patches (--patch {max(height, width)}), "
            "or train on smaller crops"
        )
    row = rng.integers(patch.shape[0] - height + 1)
    col = rng.integers(patch.shape[1] - width + 1)
    return patch[row : row + height, col : col + width]


def inject(lr: F32, patch: U8, rng: np.random.Generator) -> F32:
    """Add a random crop of a noise patch to an LR image.

    n' = n - mean(n) per channel over the crop, LR' = clip(LR + n', 0, 1), as in RealSR's
    `LQGT_dataset.py`.

    Args:
        lr: [h, w, C] float32 in [0, 1].
        patch: [P, P, C] uint8 as mined, P at least h and w.
        rng: Gives the place of the crop; two draws.

    Raises:
        SettingsError: The patch is smaller than the LR image.
    """
    return _added(lr, zero_mean(random_crop(patch, lr.shape[0], lr.shape[1], rng)))


def inject_scaled(
    lr: F32, patch: U8, rng: np.random.Generator, sensor: SensorNoise, left: float = 0.0
) -> F32:
    """Add a random crop of a noise patch, scaled by the sensor's curve.

    n'' = n' * d(LR) / d(mean(n)) per pixel and channel, d the sensor's standard deviation.

    Args:
        lr: [h, w, 3] float32 in [0, 1].
        patch: [P, P, 3] uint8 as mined, P at least h and w.
        rng: Gives the place of the crop; two draws.
        sensor: As measured on the photos.
        left: Share of the noise's variance that LR has already (`leftover.share_left`).
    """
    crop = random_crop(patch, lr.shape[0], lr.shape[1], rng)
    mean = unit_float(unit_float(crop).mean(axis=(0, 1), keepdims=True, dtype=np.float64))
    gain = _deviation(lr, sensor) / np.maximum(_deviation(mean, sensor), 1e-6)
    noise = zero_mean(crop) * gain * np.float32(np.sqrt(1 - left))
    return _added(lr, np.asarray(noise, np.float32))


def inject_synthesised(
    lr: F32, rng: np.random.Generator, sensor: SensorNoise, left: float = 0.0
) -> F32:
    """Add white noise that was given the sensor's grain, channel correlation and strength.

    Args:
        lr: [h, w, 3] float32 in [0, 1].
        rng: Gives the white noise, [3, h + 8, w + 8].
        sensor: As measured on the photos.
        left: Share of the noise's variance that LR has already (`leftover.share_left`).
    """
    height, width = lr.shape[:2]
    white = white_noise(rng, height, width).transpose(1, 2, 0)
    grainy = cv2.filter2D(white, cv2.CV_32F, sensor.grain)[REACH:-REACH, REACH:-REACH]
    noise = np.asarray(grainy, np.float32) @ sensor.mixing
    return _added(lr, noise * _deviation(lr, sensor) * np.float32(np.sqrt(1 - left)))


def white_noise(rng: np.random.Generator, height: int, width: int) -> F32:
    """Return the white noise that the grain of an image of this size is made from, [3, H, W]."""
    return rng.standard_normal((3, height + 2 * REACH, width + 2 * REACH), np.float32)


def _deviation(lr: F32, sensor: SensorNoise) -> F32:
    """Return the sensor's standard deviation at each pixel and channel, in units of [0, 1]."""
    level = np.clip(lr * 255 + 0.5, 0, 255).astype(np.uint8)
    found: F32 = sensor.deviation[np.arange(3), level]
    return found


def _added(lr: F32, noise: F32) -> F32:
    return np.asarray(np.clip(lr + noise, 0, 1), np.float32)
