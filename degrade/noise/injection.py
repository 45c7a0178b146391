"""Add mined noise to LR images as RealSR does: a random crop, zero-mean per channel, clipped."""

import numpy as np

from degrade.arrays import F32, U8
from degrade.errors import SettingsError
from degrade.images.colour import unit_float


def zero_mean(crop: U8) -> F32:
    """Return a crop in units of [0, 1] without the mean of each channel over the crop.

    Args:
        crop: [h, w, C] uint8, cut from a noise patch.
    """
    unit = unit_float(crop)
    mean = unit.mean(axis=(0, 1), dtype=np.float64)
    centred: F32 = unit - mean.astype(np.float32)
    return centred


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
    height, width = lr.shape[:2]
    if patch.shape[0] < height or patch.shape[1] < width:
        raise SettingsError(
            f"noise patch of {patch.shape[0]}x{patch.shape[1]} pixels is smaller than the LR image "
            f"of {height}x{width}; mine larger patches (--patch {max(height, width)}), "
            "or train on smaller crops"
        )
    row = rng.integers(patch.shape[0] - height + 1)
    col = rng.integers(patch.shape[1] - width + 1)
    noise = zero_mean(patch[row : row + height, col : col + width])
    return np.asarray(np.clip(lr + noise, 0, 1), np.float32)
