"""What photos show of the camera that took them, as numbers that scenes hardly change."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import fft

from degrade.arrays import F32, F64, U8

SIDE = 48
"""Side of the patches that are looked at, pixels: a multiple of JPEG's largest unit."""
RINGS = 12
"""Rings of the spectra, from the lowest frequency to half a cycle per pixel."""
SECTORS = 4
"""Directions of the spectrum's upper half: along the axes and the diagonals."""
BLOCK = 8
STEPS = (16.0, 40.0, 90.0)
"""Least contrast of edges, levels: how far overshoot is clamped shows from one to the next."""
BESIDE = (1, 2, 3, 4)
"""Pixels from an edge at which its profile is sampled."""
DARKEST, BRIGHTEST = 16, 235
STATISTICS = 170
"""Number of statistics."""
STRONG, FAINT = 60.0, 0.01
"""Levels at which detail is clipped, and the logarithm of a ratio that counts as 0."""
TAILS = (50.0, 75.0, 90.0, 97.0, 99.5)


def summary(patches: U8) -> F64:
    """Return the statistics of a set of patches, one vector [S] of finite numbers.

    Spectra of luma and chroma against frequency and direction (lens, sharpening, demosaicing,
    chroma bandwidth), what is left of the mosaic (demosaicing, resized photos), the grain and the
    correlation of the channels in the flattest blocks (denoising), profiles of edges (overshoot and
    its clamp), and the tails of differences. `flat` measures how strong noise is.

    Args:
        patches: [K, SIDE, SIDE, 3], their first pixel the first of one of JPEG's blocks.
    """
    rgb = patches.astype(np.float32)
    luma = rgb @ np.asarray((0.299, 0.587, 0.114), np.float32)
    chroma = np.stack([rgb[..., 2] - luma, rgb[..., 0] - luma], axis=-1)
    parts = [*_spectra(luma, chroma), *mosaic_traces(luma, chroma)]
    parts += [*_flat_grain(rgb, luma, chroma), *_edges(luma, chroma), *_tails(luma, chroma)]
    return np.concatenate([np.ravel(part) for part in parts])


def roughness(windows: U8) -> F64:
    """Return how far windows [K, n, n, 3] are from being flat, but for their noise, [K].

    The mean power of detail in their 8x8 blocks; infinite where a window is nearly black or white,
    for there noise is cut off.
    """
    luma = windows.astype(np.float32) @ np.asarray((0.299, 0.587, 0.114), np.float32)
    count = luma.shape[1] // BLOCK
    whole = luma[:, : count * BLOCK, : count * BLOCK]
    blocks = whole.reshape(-1, count, BLOCK, count, BLOCK).swapaxes(2, 3).reshape(-1, BLOCK, BLOCK)
    power = np.square(_detail(blocks)).reshape(len(luma), -1).mean(axis=1, dtype=np.float64)
    brightness = luma.mean((1, 2))
    return np.where((brightness > DARKEST) & (brightness < BRIGHTEST), power, np.inf)


def _power(planes: F32) -> F64:
    """Return the mean power spectrum of windowed planes [K, SIDE, SIDE], per pixel."""
    window = np.hanning(SIDE + 2)[1:-1]
    taper = np.outer(window, window).astype(np.float32)
    centred = planes - planes.mean((1, 2), keepdims=True)
    spectrum = fft.rfft2(centred * (taper / np.sqrt(np.square(taper).mean())))
    return np.asarray(np.square(np.abs(spectrum)), np.float64) / SIDE**2


_ROWS, _COLUMNS = fft.fftfreq(SIDE)[:, None], fft.rfftfreq(SIDE)[None]
_RING = np.minimum((np.hypot(_ROWS, _COLUMNS) * 2 * RINGS).astype(int), RINGS)
_SECTOR = np.round(np.arctan2(_ROWS, _COLUMNS + 1e-9) / (np.pi / SECTORS)).astype(int) % SECTORS


def _spectra(luma: F32, chroma: F32) -> Iterator[F64]:
    """Yield log power of luma by ring, the same by direction, and of chroma beside luma."""
    power = _power(luma)
    # The mean over patches of log power, which a few strong patches do not rule.
    rings = np.array([_mean_log(power[:, (i == _RING) & (_RING > 0)]) for i in range(1, RINGS + 1)])
    yield rings[1:] - rings[0]
    yield rings[:1]
    for sector in range(SECTORS):
        mine = [(i == _RING) & (sector == _SECTOR) for i in range(RINGS // 3, RINGS)]
        yield np.array([_mean_log(power[:, where]) for where in mine]) - rings[RINGS // 3 - 1 : -1]
    for plane in range(2):
        colour = _power(chroma[..., plane])
        found = [_mean_log(colour[:, i == _RING]) for i in range(1, RINGS + 1)]
        yield np.array(found) - rings


def _mean_log(power: F64) -> float:
    """Return the mean over patches of the logarithm of the mean power at some frequencies."""
    return float(np.log(power.mean(axis=1) + 1e-2).mean())


def mosaic_traces(luma: F32, chroma: F32) -> Iterator[F64]:
    """Yield how unlike detail is on the four pixels of a mosaic's cell: crosswise, and by lines.

    Pixels whose colour was seen have more of it than those for which it was guessed (Gallagher and
    Chen, "Image authentication by detecting traces of demosaicing", 2008); where the photo was
    resized, all are alike. What is photographed hardly matters.
    """
    for plane in (luma, chroma[..., 0], chroma[..., 1]):
        beside = plane[:, :-2, 1:-1] + plane[:, 2:, 1:-1] + plane[:, 1:-1, :-2] + plane[:, 1:-1, 2:]
        detail = np.minimum(np.abs(4 * plane[:, 1:-1, 1:-1] - beside), STRONG)
        cell = [[detail[:, row::2, col::2].mean() for col in (0, 1)] for row in (0, 1)]
        (a, b), (c, d) = np.log(np.array(cell) + 0.05)
        lines = abs(a + b - c - d) + abs(a + c - b - d)
        yield np.log(np.array([abs(a + d - b - c), lines]) / 2 + FAINT)


def _blocks(planes: F32) -> F32:
    """Cut [K, SIDE, SIDE] into blocks, [n, 8, 8]."""
    count = SIDE // BLOCK
    cut = planes.reshape(-1, count, BLOCK, count, BLOCK).swapaxes(2, 3)
    return cut.reshape(-1, BLOCK, BLOCK)


def _detail(blocks: F32) -> F32:
    """Return what blocks have beyond a plane: second differences would colour the noise."""
    row = np.arange(BLOCK, dtype=np.float32) - (BLOCK - 1) / 2
    scale = float(np.square(row).sum() * BLOCK)
    left = blocks - blocks.mean((1, 2), keepdims=True)
    slope_rows = (left * row[:, None]).sum((1, 2), keepdims=True) / scale
    slope_columns = (left * row).sum((1, 2), keepdims=True) / scale
    return np.asarray(left - slope_rows * row[:, None] - slope_columns * row, np.float32)


def _flat_grain(rgb: F32, luma: F32, chroma: F32) -> Iterator[F64]:
    """Yield the grain of the flattest blocks, of luma and chroma, and the channels' correlation."""
    blocks = _blocks(luma)
    brightness, detail = blocks.mean((1, 2)), _detail(blocks)
    power = np.square(detail).mean((1, 2))
    clipped = (_blocks(rgb.max(axis=-1)) >= 254).any((1, 2)) | (brightness < 3)
    flat = np.argsort(np.where(clipped, np.inf, power), kind="stable")[: max(8, len(power) // 12)]
    yield _grain(detail[flat])
    for plane in range(2):
        yield _grain(_detail(_blocks(chroma[..., plane])[flat]))
    planes = np.stack([_detail(_blocks(rgb[..., i])[flat]).ravel() for i in range(3)])
    covariance = planes @ planes.T / planes.shape[1] + 0.05 * np.eye(3)
    deviation = np.sqrt(np.diag(covariance))
    yield (covariance / np.outer(deviation, deviation))[np.triu_indices(3, 1)].astype(float)


def _grain(detail: F32) -> F64:
    """Return the correlation of flat blocks at small lags."""
    own = float(np.square(detail).mean()) + 0.05
    lags = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (2, 2))
    found = [
        float((detail[:, : BLOCK - r, : BLOCK - c] * detail[:, r:, c:]).mean()) / own
        for r, c in lags
    ]
    return np.array(found)


def _edges(luma: F32, chroma: F32) -> Iterator[F64]:
    """Yield mean profiles of edges, as shares of their contrast, along both axes."""
    far = BESIDE[-1] + 1
    for axis in (1, 2):
        line, colour = (
            np.moveaxis(plane, axis, -1 if plane is luma else -2) for plane in (luma, chroma)
        )
        # The step from one pixel to the one after the next, where it is the largest around.
        step = line[..., 2:] - line[..., :-2]
        size = np.abs(step)
        inner = slice(far, step.shape[-1] - far)
        peak = (size[..., inner] >= size[..., far - 1 : -far - 1]) & (
            size[..., inner] > size[..., far + 1 : step.shape[-1] - far + 1]
        )
        steps = [*STEPS, np.inf]
        for low, high in pairwise(steps):
            where = np.nonzero(peak & (size[..., inner] > low) & (size[..., inner] <= high))
            yield _profile(line, colour, step, where, far)


def _profile(line: F32, colour: F32, step: F32, where: tuple[Any, ...], far: int) -> F64:
    """Return the profile beside edges, on both sides, of luma; and how far colour follows."""
    count = len(where[0])
    if count < 8:
        return np.zeros(2 * len(BESIDE) + 2)
    *lead, place = where
    middle = place + far + 1
    height = step[(*lead, place + far)]
    base = line[(*lead, middle)]
    beside = []
    for k in BESIDE:
        after = np.clip(middle + k, 0, line.shape[-1] - 1)
        before = np.clip(middle - k, 0, line.shape[-1] - 1)
        beside += [line[(*lead, after)] - base, base - line[(*lead, before)]]
    rows = np.median(np.stack(beside) / height, axis=1)
    near = np.abs(colour[(*lead, middle + 1)] - colour[(*lead, middle - 1)]).mean()
    wide = np.abs(colour[(*lead, middle + 3)] - colour[(*lead, middle - 3)]).mean()
    return np.array([*rows, near / (wide + 1), np.log(wide + 1)])


def _tails(luma: F32, chroma: F32) -> Iterator[F64]:
    """Yield the logarithms of percentiles of differences between neighbours."""
    for plane in (luma, chroma[..., 0], chroma[..., 1]):
        bend = np.abs(2 * plane[:, 1:-1, 1:-1] - plane[:, 1:-1, :-2] - plane[:, 1:-1, 2:])
        down = np.abs(2 * plane[:, 1:-1, 1:-1] - plane[:, :-2, 1:-1] - plane[:, 2:, 1:-1])
        levels = np.log(np.percentile(bend + down, TAILS) + 0.5)
        yield levels[1:] - levels[:-1]
        yield levels[:1]
