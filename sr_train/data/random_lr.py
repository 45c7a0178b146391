"""LR of some of a batch's crops, degraded at random by `degrade.second_order` instead."""

import numpy as np

from degrade.arrays import I64, U8, Bool
from degrade.images.resize import symmetric
from degrade.randomness import stream
from degrade.second_order import degraded
from sr_train.data.store_protocols import Tiles
from sr_train.settings.common import TrainingSettings

NEAR = 8
"""Least LR pixels around a crop that are degraded with it; beyond its tile, HR is mirrored."""
UNIT = 16
"""LR pixels of JPEG's largest unit, at any of whose pixels a crop may begin."""


def drawn(settings: TrainingSettings, step: int) -> Bool:
    """Return which of a step's crops are degraded at random, each with p = ``random_share``."""
    numbers = stream(settings.seed, "batch-random-share", step).random(settings.batch)
    return np.asarray(numbers < settings.random_share)


def random_lr(
    tiles: Tiles, row: int, corner: I64, crop: int, scale: int, rng: np.random.Generator
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
    return degraded(around, scale, rng)[top : top + side, left : left + side]
