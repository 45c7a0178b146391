"""Pixels of a Pillow image, taken band by band to hold few copies of large ones."""

import numpy as np
from PIL import Image as Pillow

from degrade.arrays import U8

BAND = 128
"""Rows taken at a time: few enough that the copies stay in the cache and in memory at hand; taken
whole, a photo's fresh memory costs more than its decoding."""


def rgb_pixels(image: Pillow.Image) -> U8:
    """Return the pixels [H, W, 3] of an image in mode RGB; taken whole they are held twice."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, BAND):
        bottom = min(top + BAND, image.height)
        band = image if bottom - top == image.height else image.crop((0, top, image.width, bottom))
        pixels[top:bottom] = np.asarray(band)
    return pixels
