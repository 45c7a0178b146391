"""Bicubic resizing that agrees with MATLAB's imresize, by sparse matrices that sample an axis."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from math import ceil
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from degrade.arrays import F32, F64, I64, Image
from degrade.images.colour import unit_float

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BLOCK = 4
"""Samples that one product with a banded matrix makes; more would mean more zeros in it."""
STRIP = 32
"""Rows of a reduced image that are made at a time: few enough that their pixels stay cached."""
CACHED = 4096
"""Columns of a product, few enough that BLAS uses its code for small matrices."""
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
        return _stacked(reduced_strips(image, ratio.denominator), ceil(len(image) * ratio))
    pixels = unit_float(image)
    rows, columns = (_axis_matrix(length, ratio) for length in pixels.shape[:2])
    return sample_columns(columns, sample_rows(rows, pixels))


def reduced_strips(image: Image, factor: int) -> Iterator[F32]:
    """Yield ``bicubic(image, 1 / factor)`` a strip of rows at a time, top to bottom.

    `BLOCK` neighbouring samples are one product with a small banded matrix: of pixel rows first,
    then of the columns of what they gave. Only samples are computed, and by BLAS.
    """
    height, width = (ceil(length / factor) for length in image.shape[:2])
    channels = image.shape[2]
    down, across = _band(factor, 1).T, _band(factor, channels)
    step = BLOCK * factor
    rows = STRIP * factor - step + down.shape[1]
    columns = -(-width // BLOCK) * step - step + down.shape[1]
    lead = (down.shape[1] - step) // 2
    place = np.arange(columns) - lead
    outside = np.flatnonzero((place < 0) | (place >= image.shape[1]))
    mirrored = symmetric(place[outside], image.shape[1])

    pixels = np.empty((rows, columns, channels), np.float32)
    halfway = np.empty((STRIP // BLOCK, BLOCK, columns * channels), np.float32)
    above = sliding_window_view(pixels.reshape(rows, -1), down.shape[1], axis=0)[::step]
    beside = sliding_window_view(halfway.reshape(STRIP, -1), len(across), axis=1)
    beside = beside[:, :: step * channels].swapaxes(0, 1)
    for top in range(0, height, STRIP):
        source = _rows(image, top * factor - lead, rows)
        pixels[:, lead : lead + image.shape[1]] = source
        pixels[:, outside] = source[:, mirrored]
        for first in range(0, columns * channels, CACHED):
            part = np.s_[..., first : first + CACHED]
            np.matmul(down, above.swapaxes(1, 2)[part], out=halfway[part])
        strip = np.empty((STRIP, len(beside), across.shape[1]), np.float32)
        np.matmul(beside, across, out=strip.swapaxes(0, 1))
        if image.dtype == np.uint8:
            strip /= 255
        yield strip.reshape(STRIP, -1, channels)[: height - top, :width]


def _stacked(strips: Iterator[F32], height: int) -> F32:
    """Put strips one below the other, without holding them all at once."""
    first = next(strips)
    whole = np.empty((height, *first.shape[1:]), np.float32)
    top = 0
    for strip in chain([first], strips):
        whole[top : top + len(strip)] = strip
        top += len(strip)
    return whole


def _rows(image: Image, first: int, count: int) -> Image:
    """Return rows of an image, mirrored beyond its edges."""
    if first >= 0 and first + count <= len(image):
        return image[first : first + count]
    rows: Image = image[symmetric(np.arange(first, first + count), len(image))]
    return rows


def _band(factor: int, channels: int) -> F32:
    """Return the matrix that takes pixels of an axis, channels innermost, to `BLOCK` samples."""
    taps = bicubic_taps(factor)
    band = np.zeros(((BLOCK - 1) * factor + len(taps), BLOCK))
    for sample in range(BLOCK):
        band[sample * factor : sample * factor + len(taps), sample] = taps
    return np.kron(band, np.eye(channels)).astype(np.float32)


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
    weights = cubic((np.arange(length) - (length - 1) / 2) / scale)
    taps: F64 = weights / weights.sum()
    return taps


def cubic(x: F64) -> F64:
    """Keys' cubic convolution with a = -0.5 (IEEE TASSP 29(6), 1981, eq. 15)."""
    d = np.abs(x)
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return np.where(d <= 1, near, np.where(d <= 2, far, 0.0))


def _axis_matrix(length: int, ratio: Fraction) -> "csr_array":
    """Return the sparse [ceil(length*ratio), length] matrix that resizes one axis."""
    stretch = max(1.0, float(1 / ratio))

    def normalised(offsets: F64) -> F64:
        weights = cubic(offsets / stretch)
        shares: F64 = weights / weights.sum(axis=1, keepdims=True)
        return shares

    centres = (np.arange(ceil(length * ratio)) + 0.5) / float(ratio) - 0.5
    return sampling_matrix(length, centres, 2 * stretch, normalised)


def sampling_matrix(
    length: int, centres: npt.NDArray[np.floating], support: float, profile: Callable[[F64], F64]
) -> "csr_array":
    """Return the [len(centres), length] float32 matrix that samples an axis of ``length`` pixels.

    Args:
        length: Pixels along the axis; beyond them it is mirrored, edge pixels repeated.
        centres: Where to sample, in pixels.
        support: The kernel is zero farther than this from its centre.
        profile: Takes pixel positions relative to their centre, [samples, taps], to weights.
    """
    from scipy.sparse import csr_array  # a tenth of a second, which most commands are spared

    taps = int(np.ceil(2 * support)) + 1
    index = np.ceil(centres - support).astype(np.int64)[:, None] + np.arange(taps)
    weights = profile(index - centres[:, None])
    row = np.repeat(np.arange(len(centres)), taps)
    entries = (weights.ravel(), (row, symmetric(index, length).ravel()))
    matrix = csr_array(entries, shape=(len(centres), length), dtype=np.float32)
    matrix.eliminate_zeros()
    return matrix


def sample_rows(matrix: "csr_array", image: F32) -> F32:
    """Apply a sampling matrix to the first axis of an image."""
    sampled = matrix @ image.reshape(image.shape[0], -1)
    return np.asarray(sampled, np.float32).reshape(-1, *image.shape[1:])


def sample_columns(matrix: "csr_array", image: F32) -> F32:
    """Apply a sampling matrix to the second axis of an image."""
    return np.ascontiguousarray(sample_rows(matrix, image.swapaxes(0, 1)).swapaxes(0, 1))


def symmetric(index: I64, length: int) -> I64:
    """Return the pixels that an axis shows at any index: mirrored, edge pixels repeated."""
    index = index % (2 * length)
    return np.minimum(index, 2 * length - 1 - index)
