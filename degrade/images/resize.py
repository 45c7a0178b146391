"""Bicubic resizing that agrees with MATLAB's imresize."""

from fractions import Fraction
from math import ceil
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from degrade.arrays import F32, F64, Image
from degrade.images.colour import unit_float
from degrade.images.sampling import sample_columns, sample_rows, sampling_matrix

STRIP = 64
"""Rows of a reduced image that are made at a time."""
EXACT_RECIPROCAL = 48
"""Up to here 1 / (1 / n) == n in double precision, which OpenCV steps by."""


def bicubic(image: Image, scale: float | Fraction) -> F32:
    """Resize an HWC image by ``scale`` as MATLAB's ``imresize(image, scale, 'bicubic')`` does.

    Cubic with a = -0.5, stretched by 1/scale when shrinking (antialiasing), symmetric borders,
    height first. Output pixel i is centred on input coordinate ``(i + 1/2) / scale - 1/2``.

    Args:
        image: [H, W, C]; uint8, or floating point in [0, 1].
        scale: Output size over input size; 1/2 halves. A float is taken as the fraction it means.

    Returns:
        [ceil(H*scale), ceil(W*scale), C] float32 on the scale of [0, 1], not clipped: ringing
        leaves the range a little.
    """
    ratio = Fraction(scale).limit_denominator(1_000_000)
    if ratio.numerator == 1:
        return _reduced(image, ratio.denominator)
    pixels = unit_float(image)
    rows, columns = (_axis_matrix(length, ratio) for length in pixels.shape[:2])
    return sample_columns(columns, sample_rows(rows, pixels))


def _reduced(image: Image, factor: int) -> F32:
    """Shrink by an integer: filter strips at full resolution, keep one sample in factor^2.

    Twice the arithmetic of computing only the samples, and faster: the filter runs on contiguous
    pixels that stay in the cache. A strip at a time also bounds the memory.
    """
    taps = bicubic_taps(factor).astype(np.float32)
    before = (len(taps) - factor) // 2
    height, width = (ceil(length / factor) for length in image.shape[:2])
    below = (height - 1) * factor + len(taps) - before - image.shape[0]
    right = (width - 1) * factor + len(taps) - before - image.shape[1]
    mirrored = cv2.copyMakeBorder(image, before, below, before, right, cv2.BORDER_REFLECT)
    small = np.empty((height, width, image.shape[2]), np.float32)
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        strip = mirrored[top * factor : (bottom - 1) * factor + len(taps)]
        filtered = cv2.sepFilter2D(
            strip, cv2.CV_32F, taps, taps, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT
        ).reshape(*strip.shape[:2], -1)
        small[top:bottom] = every_nth(filtered[: (bottom - top) * factor, : width * factor], factor)
    if image.dtype == np.uint8:
        small /= 255
    return small


def every_nth(image: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    """Return ``image[::n, ::n]`` of an HWC image whose sides are multiples of ``n``, contiguous.

    By OpenCV where its nearest neighbour is just this, a third of the time of a strided copy.
    """
    if n > EXACT_RECIPROCAL:
        return np.ascontiguousarray(image[::n, ::n])
    size = (image.shape[1] // n, image.shape[0] // n)
    sampled = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)
    return sampled.reshape(*size[::-1], image.shape[2])


def bicubic_taps(scale: int) -> F64:
    """Return the taps of downscaling by an integer: symmetric, centred, summing to 1.

    Length 4*scale where scale is even, 4*scale - 1 where it is odd; correlation with them at the
    sampled positions is ``bicubic(image, 1/scale)`` along one axis.
    """
    length = 4 * scale - scale % 2
    weights = _cubic((np.arange(length) - (length - 1) / 2) / scale)
    taps: F64 = weights / weights.sum()
    return taps


def _cubic(x: F64) -> F64:
    """Keys' cubic convolution with a = -0.5 (IEEE TASSP 29(6), 1981, eq. 15)."""
    d = np.abs(x)
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return np.where(d <= 1, near, np.where(d <= 2, far, 0.0))


def _axis_matrix(length: int, ratio: Fraction) -> csr_array:
    """Return the sparse [ceil(length*ratio), length] matrix that resizes one axis."""
    stretch = max(1.0, float(1 / ratio))

    def normalised(offsets: F64) -> F64:
        weights = _cubic(offsets / stretch)
        shares: F64 = weights / weights.sum(axis=1, keepdims=True)
        return shares

    centres = (np.arange(ceil(length * ratio)) + 0.5) / float(ratio) - 0.5
    return sampling_matrix(length, centres, 2 * stretch, normalised)
