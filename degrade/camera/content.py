"""What patches show of their scenes, whichever camera took them, to compare like with like.

People do not photograph what clean pictures show: other amounts of flat and busy places would pass
for another lens or sharpening. So scenes are chosen that look like the photos from afar.
"""

import numpy as np

from degrade.arrays import F32, F64, I64, U8

CELL = 4
"""Pixels averaged along an axis: a camera's blur, sharpening and noise hardly show in that."""
QUANTILES = (0.25, 0.5, 0.75, 0.95)
"""Quantiles of the steps between neighbouring cells that scenes are compared by."""
FAINT = 2.0
"""Levels: steps far below it are the camera's noise as much as the scene."""
FEATURES = 8


def content(patches: U8) -> F64:
    """Return what each patch shows from afar, [K, FEATURES].

    Its brightness, how large the steps are from cell to cell of luma (logarithms of quantiles) and
    of colour, and how much of it is clipped.

    Args:
        patches: [K, n, n, 3], n a multiple of `CELL`.
    """
    count, side = len(patches), patches.shape[1] // CELL
    cells = patches.reshape(count, side, CELL, side, CELL, 3).mean((2, 4), dtype=np.float32)
    luma = cells @ np.asarray((0.299, 0.587, 0.114), np.float32)
    colour = np.stack([cells[..., 0] - luma, cells[..., 2] - luma], axis=-1)
    bright = luma.mean((1, 2)) / 64
    clipped = 8 * (patches.max(axis=-1) >= 254).mean((1, 2))
    tinted = np.quantile(_steps(colour), (0.5, 0.95), axis=1)
    rows = [bright, clipped, *_logarithm(np.quantile(_steps(luma), QUANTILES, axis=1))]
    return np.stack([*rows, *_logarithm(tinted)], axis=1).astype(np.float64)


def matched(wanted: F64, offered: F64, count: int, rng: np.random.Generator) -> I64:
    """Return rows of ``offered`` [M, C] that are as ``wanted`` [N, C] are, [count].

    Each is the nearest one to a random row of ``wanted``, of those that were chosen least often.
    """
    scale = wanted.std(axis=0) + 0.1
    chosen = np.zeros(count, np.int64)
    times = np.zeros(len(offered), np.int64)
    for place, row in enumerate(rng.choice(len(wanted), size=count)):
        away = np.square((offered - wanted[row]) / scale).sum(axis=1)
        # Twice as far is as good as taken once more: a few scenes are not to stand for all.
        chosen[place] = np.argmin((away + 0.1) * 2.0**times)
        times[chosen[place]] += 1
    return chosen


def _steps(cells: F32) -> F32:
    """Return the steps between neighbours of [K, n, n] or [K, n, n, C], [K, ...] flat."""
    down, across = np.diff(cells, axis=1), np.diff(cells, axis=2)
    count = len(cells)
    flat = [np.abs(down).reshape(count, -1), np.abs(across).reshape(count, -1)]
    return np.asarray(np.concatenate(flat, axis=1), np.float32)


def _logarithm(levels: F32) -> F32:
    return np.asarray(np.log(levels + FAINT), np.float32)
