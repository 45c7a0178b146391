"""Value ranges and the two grey images: luma for measuring, studio-range Y for scoring."""

import numpy as np

from degrade.arrays import F32, F64, U8, Image
from degrade.errors import DegradeError

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""ITU-R BT.601 weights of R, G and B."""
Y_WEIGHTS = (65.481, 128.553, 24.966)
"""ITU-R BT.601 weights of R, G and B in [0, 1] for Y in 16..235."""


def unit_float(image: Image) -> F32:
    """Return ``image`` as float32: uint8 divided by 255, floating point unchanged.

    Raises:
        DegradeError: The array is of another type, so its range is not known.
    """
    if image.dtype == np.uint8:
        unit = image.astype(np.float32)
        unit /= 255
        return unit
    if np.issubdtype(image.dtype, np.floating):
        return np.asarray(image, np.float32)
    raise DegradeError(f"image array is {image.dtype}; give uint8, or float32 in [0, 1]")


def to_uint8(image: Image) -> U8:
    """Return [0, 1] as 0..255, rounded half up and clipped; uint8 passes through.

    Raises:
        DegradeError: Values far outside [0, 1], such as 0..255 in floating point, or not finite.
    """
    if image.dtype == np.uint8:
        return np.asarray(image, np.uint8)
    unit = unit_float(image)
    low, high = (float(unit.min()), float(unit.max())) if unit.size else (0.0, 0.0)
    if not (low >= -1 and high <= 2):
        raise DegradeError(
            f"image values run from {low:g} to {high:g}; floating point must be in [0, 1] "
            "(divide by 255, or give uint8)"
        )
    levels = unit * np.float32(255)
    if low < 0 or high > 1:
        np.clip(levels, 0, 255, out=levels)
    levels += np.float32(0.5)
    return levels.astype(np.uint8)  # towards zero, which is down: nothing here is negative


def luma(rgb: Image) -> F32:
    """Return the BT.601 grey of [..., 3] RGB as float32 [...], in the range of the input."""
    return np.asarray(rgb, np.float32) @ np.asarray(LUMA_WEIGHTS, np.float32)


def grey_levels(rgb: Image) -> F32:
    """Return the BT.601 grey of [..., 3] RGB as float32 [...], in levels of 0..255."""
    grey = luma(rgb)
    return grey if rgb.dtype == np.uint8 else grey * np.float32(255)


def y_channel(rgb: Image) -> F64:
    """Return Y of [..., 3] RGB as float64 [...] in 16..235, not rounded.

    The convention of super-resolution scores (MATLAB's rgb2ycbcr); ``rgb`` is uint8, or floating
    point in [0, 1].
    """
    unit = rgb / 255 if rgb.dtype == np.uint8 else rgb.astype(np.float64)
    weighted: F64 = unit @ np.asarray(Y_WEIGHTS)
    return weighted + 16
