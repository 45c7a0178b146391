"""Pixels of a photo, spread evenly, that stand for all of it."""

import numpy as np

from degrade.arrays import U8, Image
from degrade.images.colour import to_uint8

LEAST = 256
"""Rows or columns, whichever are fewer, that are taken at least."""


def sampled(pixels: Image) -> U8:
    """Return every so many rows and columns of a photo [H, W, 3], contiguous."""
    step = max(1, min(pixels.shape[:2]) // LEAST)
    return np.ascontiguousarray(to_uint8(pixels[::step, ::step]))
