"""JPEG as a formula: the loss of baseline compression with given tables, without a file."""

import numpy as np

from degrade.arrays import F32
from degrade.camera.planes import Planes, like, luma_chroma, namespace, rgb_of

BLOCK = 8
SUBSAMPLING: dict[str, tuple[int, int]] = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}
"""Luma rows and columns per chroma sample."""


def _cosines() -> F32:
    """Return the 8-point DCT-II as an orthonormal matrix (ITU-T T.81, A.3.3)."""
    index = np.arange(BLOCK)
    waves = np.cos((2 * index[None] + 1) * index[:, None] * np.pi / 16) / 2
    waves[0] /= np.sqrt(2)
    return np.asarray(waves, np.float32)


COSINES = _cosines()


def compressed(display: Planes, tables: F32, subsampling: str) -> Planes:
    """Return what is left of [B, 3, H, W] in [0, 1] after JPEG, rounded to 8 bits.

    Args:
        display: H and W multiples of 8 luma rows and columns per chroma sample.
        tables: [B, 2, 8, 8], quantisation steps of luma and of chroma.
        subsampling: A name of `SUBSAMPLING`.
    """
    xp = namespace(display)
    levels = xp.round(xp.clip(display, 0, 1) * 255)
    luma, chroma = (xp.round(planes) for planes in luma_chroma(levels))
    rows, columns = SUBSAMPLING[subsampling]
    small = xp.round(_shrunk(chroma, rows, columns))
    luma = _quantised(luma - 128, tables[:, :1]) + 128
    small = _quantised(small, tables[:, 1:])
    whole = _spread(_spread(small, rows, 2), columns, 3)
    rgb = rgb_of(_limited(luma, 0), _limited(whole, -128))
    return xp.clip(xp.round(rgb), 0, 255) / 255


def _limited(samples: Planes, low: int) -> Planes:
    """Round samples to the 8 bits that a decoder keeps them in."""
    return namespace(samples).clip(namespace(samples).round(samples), low, low + 255)


def _quantised(plane: Planes, tables: F32) -> Planes:
    """Round the coefficients of each block [B, C, H, W] to multiples of ``tables`` [B, 1, 8, 8]."""
    xp, (batch, channels, height, width) = namespace(plane), plane.shape
    shape = (batch, channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    blocks = plane.reshape(shape).swapaxes(3, 4)
    waves = like(plane, COSINES)
    steps = like(plane, np.asarray(tables, np.float32)[:, :, None, None])
    coefficients = xp.round((waves @ blocks @ waves.T) / steps) * steps
    return (waves.T @ coefficients @ waves).swapaxes(3, 4).reshape(plane.shape)


def _shrunk(chroma: Planes, rows: int, columns: int) -> Planes:
    """Average chroma over the pixels that share a sample."""
    *lead, height, width = chroma.shape
    cells = chroma.reshape(*lead, height // rows, rows, width // columns, columns)
    return cells.mean((-3, -1))


def _spread(chroma: Planes, times: int, axis: int) -> Planes:
    """Interpolate an axis as libjpeg does ("fancy upsampling"): 3/4 of the nearer one."""
    if times == 1:
        return chroma
    xp, length = namespace(chroma), chroma.shape[axis]
    index = np.arange(length)
    before, after = (np.clip(index + step, 0, length - 1) for step in (-1, 1))
    left, right = (_taken(chroma, neighbour, axis) for neighbour in (before, after))
    both = xp.stack([0.75 * chroma + 0.25 * left, 0.75 * chroma + 0.25 * right], axis + 1)
    shape = list(chroma.shape)
    shape[axis] *= 2
    return both.reshape(shape)


def _taken(planes: Planes, index: np.ndarray[tuple[int], np.dtype[np.int64]], axis: int) -> Planes:
    chosen = like(planes, index)
    return planes[:, :, chosen] if axis == 2 else planes[..., chosen]
