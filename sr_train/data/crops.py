"""Crops cut from mapped tiles as bytes, made a batch on the device, or degraded at random."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from degrade import second_order
from degrade.arrays import F32, I64, U8, Bool
from degrade.camera.camera_samples import surroundings
from degrade.images.resize import symmetric
from degrade.randomness import stream
from sr_train.data.store_protocols import TileSource
from sr_train.settings.common import TrainingSettings


def crops_of(tiles: TileSource, rows: I64, corners: I64, size: int) -> U8:
    """Return crops [B, size, size, 3]; ``corners`` [B, 2] are (row, col) in the tiles' pixels."""
    crops = np.empty((len(rows), size, size, 3), np.uint8)
    crop = tiles.crop
    for place, (index, (row, col)) in enumerate(zip(rows.tolist(), corners.tolist(), strict=True)):
        crops[place] = crop(index, row, col, size)
    return crops


def crop_around(tiles: TileSource, rows: I64, corners: I64, crop: int, scale: int) -> U8:
    """Return HR crops with what their photos by a camera depend on, mirrored at the tiles' edges.

    Args:
        tiles: HR.
        rows: [B], of tiles.
        corners: [B, 2], (row, col) of the crops in them.
        crop: Side of the crops.
        scale: HR pixels per photo pixel.

    Returns:
        [B, n, n, 3], as `degrade.camera.camera_samples.photographed` takes it, channels last.
    """
    side, tile = crop // scale, tiles.shape[1]
    found = []
    for index, corner in zip(rows.tolist(), corners.tolist(), strict=True):
        top, left = (surroundings(start, side, tile, scale) for start in corner)
        found.append(tiles.crop(index, 0, 0, tile)[top[:, None], left])
    return np.stack(found)


def unit_batch(crops: U8, device: torch.device) -> Tensor:
    """Return crops as float32 [B, 3, h, w] in [0, 1], channels last, converted on the device."""
    return torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float().div_(255)


def augmented(images: Tensor, turns: Sequence[Tensor]) -> Tensor:
    """Return square images, each flipped across, upside down, and transposed as asked.

    Args:
        images: [B, 3, h, h].
        turns: Three boolean [B]: across, upside down, transposed, applied in this order.
    """
    across, down, transpose = (turn.view(-1, 1, 1, 1) for turn in turns)
    images = torch.where(across, images.flip(3), images)
    images = torch.where(down, images.flip(2), images)
    return torch.where(transpose, images.transpose(2, 3), images)


def add_noise(lr: Tensor, noise: Tensor) -> Tensor:
    """Return LR + n - mean(n) per channel and crop, clipped: degrade.noise.injection on batches.

    Both [B, 3, h, w] in [0, 1].
    """
    mean = noise.mean((2, 3), keepdim=True, dtype=torch.float64).float()
    return (lr + (noise - mean)).clamp_(0, 1)


def add_scaled(lr: Tensor, noise: Tensor, table: Tensor, left: Tensor) -> Tensor:
    """Return LR + scaled noise, clipped: degrade.noise.injection.inject_scaled on batches.

    Args:
        lr: [B, 3, h, w] in [0, 1].
        noise: Crops of patches, likewise.
        table: [3, 256], `SensorNoise.deviation`.
        left: [B], share of the variance that LR has already.
    """
    mean = noise.mean((2, 3), keepdim=True, dtype=torch.float64).float()
    gain = deviation(lr, table) / deviation(mean, table).clamp_min(1e-6)
    return (lr + (noise - mean) * gain * _rest(left)).clamp_(0, 1)


def add_synthesised(
    lr: Tensor, white: Tensor, sensor: tuple[Tensor, Tensor, Tensor], left: Tensor
) -> Tensor:
    """Return LR + grain, clipped: degrade.noise.injection.inject_synthesised on batches.

    Args:
        lr: [B, 3, h, w] in [0, 1].
        white: [B, 3, h + 8, w + 8], standard normal.
        sensor: `SensorNoise.deviation`, `SensorNoise.grain` and `SensorNoise.mixing`.
        left: [B], share of the variance that LR has already.
    """
    table, grain, mixing = sensor
    grainy = F.conv2d(white, grain.expand(3, 1, -1, -1), groups=3)
    mixed = torch.einsum("bchw,cd->bdhw", grainy, mixing)
    return (lr + mixed * deviation(lr, table) * _rest(left)).clamp_(0, 1)


def deviation(lr: Tensor, table: Tensor) -> Tensor:
    """Return the noise's standard deviation at each value of [B, 3, h, w]."""
    levels = (lr * 255 + 0.5).clamp(0, 255).long()
    channels = torch.arange(3, device=lr.device).view(1, 3, 1, 1)
    return table[channels, levels]


def _rest(left: Tensor) -> Tensor:
    return (1 - left).sqrt().view(-1, 1, 1, 1)


def degraded(hr: Tensor, kernels: Tensor, scale: int) -> Tensor:
    """Return LR of HR crops with their surroundings: degrade.degradation.downsample on batches.

    LR pixel i is the correlation around HR coordinate scale*i + (scale-1)/2 of the inner crop.

    Args:
        hr: [B, 3, H + 2m, W + 2m], m as `degrade.degradation.margin` says; H and W multiples of
            ``scale``.
        kernels: [B, K, K], one per crop, K of the scale's parity and at least the scale.
        scale: HR pixels per LR pixel.

    Returns:
        [B, 3, H/scale, W/scale], not clipped.
    """
    batch, channels, height, width = hr.shape
    weights = kernels[:, None].repeat_interleave(channels, 0)
    planes = hr.reshape(1, batch * channels, height, width)
    lr = F.conv2d(planes, weights, stride=scale, groups=batch * channels)
    return lr.view(batch, channels, *lr.shape[-2:])


def chosen_kernels(weights: F32, rows: I64, device: torch.device) -> Tensor:
    """Return the kernels of some rows, [B, K, K] float32 on the device."""
    return torch.from_numpy(np.ascontiguousarray(weights[rows])).to(device)


NEAR = 8
"""Least LR pixels around a crop that are degraded with it; beyond its tile, HR is mirrored."""
UNIT = 16
"""LR pixels of JPEG's largest unit, at any of whose pixels a crop may begin."""


def drawn(settings: TrainingSettings, step: int) -> Bool:
    """Return which of a step's crops are degraded at random, each with p = ``random_share``."""
    numbers = stream(settings.seed, "batch-random-share", step).random(settings.batch)
    return np.asarray(numbers < settings.random_share)


def random_lr(
    tiles: TileSource, row: int, corner: I64, crop: int, scale: int, rng: np.random.Generator
) -> U8:
    """Return LR of a crop, degraded at random, [crop/scale, crop/scale, 3].

    Args:
        tiles: HR.
        row: Which tile.
        corner: [2], row and column of the crop in it.
        crop: Its side, a multiple of ``scale``.
        scale: HR pixels per LR pixel.
        rng: Gives all draws.
    """
    side, tile = crop // scale, tiles.shape[1]
    before = NEAR + rng.integers(UNIT, size=2)
    window = np.arange((side + 2 * NEAR + UNIT) * scale)
    rows, cols = (symmetric(start + window, tile) for start in (corner - before * scale).tolist())
    around = tiles.crop(row, 0, 0, tile)[rows[:, None], cols]
    top, left = before.tolist()
    return second_order.degraded(around, scale, rng)[top : top + side, left : left + side]
