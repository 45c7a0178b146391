"""What patches show of their scenes, whichever camera took them, to compare like with like.

People do not photograph what clean pictures show: other amounts of flat and busy places would pass
for another lens or sharpening. So scenes are chosen that look like the photos from afar.
"""

import numpy as np

from degrade.arrays import F32, F64, I64, U8
from degrade.camera.distances import squared_distances

CELL, WIDE = 4, 12
"""Pixels averaged along an axis, over which a camera's blur, sharpening and noise hardly show. How
much smaller steps are between cells than between wide ones measures how much fine detail there
is."""
QUANTILES = (0.25, 0.5, 0.75, 0.95)
"""Quantiles of the steps between neighbouring cells that scenes are compared by."""
FAINT = 2.0
"""Levels: steps far below it are the camera's noise as much as the scene."""
FEATURES = 12


def content(patches: U8) -> F64:
    """Return what each patch shows from afar, [K, FEATURES].

    Its brightness, how much of it is clipped, how large the steps are from cell to cell of luma,
    also of wide cells, and of colour (logarithms of quantiles), and which way those of luma run: of
    buildings most detail is along the axes, which would pass for an oval lens.

    Args:
        patches: [K, n, n, 3], n a multiple of `WIDE`.
    """
    cells = _cells(patches.astype(np.float32), CELL)
    luma = cells @ np.asarray((0.299, 0.587, 0.114), np.float32)
    wide = np.quantile(_steps(_cells(luma[..., None], WIDE // CELL)[..., 0]), (0.5, 0.95), axis=1)
    colour = np.stack([cells[..., 0] - luma, cells[..., 2] - luma], axis=-1)
    bright = luma.mean((1, 2)) / 64
    clipped = 8 * (patches.max(axis=-1) >= 254).mean((1, 2))
    tinted = np.quantile(_steps(colour), (0.5, 0.95), axis=1)
    steps = _logarithm(np.quantile(_steps(luma), QUANTILES, axis=1))
    rows = [bright, clipped, *steps, *_logarithm(wide), *_logarithm(tinted), *_directions(luma)]
    return np.stack(rows, axis=1).astype(np.float64)


def matched(wanted: F64, offered: F64, count: int) -> I64:
    """Return rows of ``offered`` [M, C] that together are as ``wanted`` [N, C] are, [count].

    Each is the one that brings those chosen so far nearest to all that is wanted (Chen, Welling and
    Smola, "Super-samples from kernel herding", 2010): random rows would differ from it by chance.
    So the first ones of many are those of few.
    """
    scale = wanted.std(axis=0) + 0.1
    alike = _alike(offered / scale, offered / scale)
    gain = _alike(offered / scale, wanted / scale).mean(axis=1)
    chosen = np.zeros(count, np.int64)
    taken = np.zeros(len(offered))
    for place in range(count):
        chosen[place] = np.argmax(gain - taken / (place + 1))
        taken += alike[:, chosen[place]]
    return chosen


def _alike(first: F64, second: F64) -> F64:
    """Return exp(-d^2 / (2 C)) of the distances of rows [N, C] and [M, C], [N, M]."""
    return np.asarray(np.exp(-0.5 * squared_distances(first, second) / first.shape[1]))


def _cells(planes: F32, side: int) -> F32:
    """Return the mean of each cell of ``side`` by ``side`` pixels of [K, n, n, C]."""
    count, length, channels = len(planes), planes.shape[1] // side, planes.shape[-1]
    whole = planes.reshape(count, length, side, length, side, channels)
    return np.asarray(whole.mean((2, 4)), np.float32)


def _steps(cells: F32) -> F32:
    """Return the steps between neighbours of [K, n, n] or [K, n, n, C], [K, ...] flat."""
    down, across = np.diff(cells, axis=1), np.diff(cells, axis=2)
    count = len(cells)
    flat = [np.abs(down).reshape(count, -1), np.abs(across).reshape(count, -1)]
    return np.asarray(np.concatenate(flat, axis=1), np.float32)


def _directions(luma: F32) -> F32:
    """Return how much larger the mean step down is than across, and along one diagonal, [2, K]."""
    pairs = (
        (luma[:, 1:], luma[:, :-1]),
        (luma[:, :, 1:], luma[:, :, :-1]),
        (luma[:, 1:, 1:], luma[:, :-1, :-1]),
        (luma[:, 1:, :-1], luma[:, :-1, 1:]),
    )
    down, across, first, second = (
        _logarithm(np.abs(one - other).mean((1, 2))) for one, other in pairs
    )
    return np.stack([down - across, first - second])


def _logarithm(levels: F32) -> F32:
    return np.asarray(np.log(levels + FAINT), np.float32)
