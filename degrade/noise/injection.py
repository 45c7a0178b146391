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
    return _centred(unit_float(crop))


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


def quilt(patches: U8, height: int, width: int, rng: np.random.Generator) -> F32:
    """Return noise for an LR image larger than the patches, to be baked into it.

    Patches drawn at random and flipped at random are laid edge to edge, each zero-mean. They are
    not blended, which would lower the variance where they meet; grain does not carry across the
    seams, but there is no step in brightness since every mean is zero.

    Args:
        patches: [N, P, P, C] uint8 as mined, N at least 1.
        height: Rows wanted.
        width: Columns wanted.
        rng: Gives patches, flips and the place of the crop.

    Returns:
        [height, width, C] float32 in units of [0, 1], as `degradation.degrade` takes it; the mean
        of each channel is zero over the whole.
    """
    side = patches.shape[1]
    rows, cols = -(-height // side), -(-width // side)
    sheet = np.empty((rows * side, cols * side, patches.shape[3]), np.float32)
    for y, x in np.ndindex(rows, cols):
        pick, up, left = rng.integers((len(patches), 2, 2))
        cell = sheet[y * side : (y + 1) * side, x * side : (x + 1) * side]
        cell[:] = zero_mean(patches[pick])[:: 1 - 2 * up, :: 1 - 2 * left]
    row = rng.integers(rows * side - height + 1)
    col = rng.integers(cols * side - width + 1)
    return _centred(sheet[row : row + height, col : col + width])


def _centred(noise: F32) -> F32:
    mean = noise.mean(axis=(0, 1), dtype=np.float64)
    centred: F32 = noise - mean.astype(np.float32)
    return centred
