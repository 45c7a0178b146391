"""What pairs are worth for a camera: how much better than bicubic what is learnt on them enlarges.

LR may look unlike the photos and do no harm, and nearly like them and teach to strengthen their
noise. So a filter is learnt on the pairs and judged on photos by the cameras that were found, whose
HR is known: a network is judged likewise, and learns the like of it first.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from degrade.arrays import F32, F64, Image
from degrade.images.colour import luma, unit_float
from degrade.images.resize import bicubic

SIDE = 7
"""LR pixels along an axis that the filter sees around each: what camera and bicubic reach over."""
RIDGE = 1e-6
"""Mean square that each of the filter's inputs has beside its own, in units of the full range: a
filter must not live on detail that is far below one level."""

Crop = tuple[Image, Image]
"""LR [h, w, 3], h and w at least `SIDE`, and its HR [scale * h, scale * w, 3]; uint8, or float32 in
[0, 1]."""


def learnt_filter(crops: Iterable[Crop], scale: int) -> F64:
    """Return the linear filter that best adds to bicubic upsampling what HR has beyond it.

    By ridge regression of luma: for each of the scale * scale HR pixels of an LR pixel the weights
    of the LR pixels around, less their mean, [SIDE**2, scale**2].

    Args:
        crops: Of the pairs.
        scale: HR pixels per LR pixel.
    """
    square, product, count = np.zeros((SIDE**2, SIDE**2)), np.zeros((SIDE**2, scale**2)), 0
    for seen, left in _samples(crops, scale):
        square += seen.T @ seen
        product += seen.T @ left
        count += len(seen)
    return np.asarray(np.linalg.solve(square + RIDGE * count * np.eye(SIDE**2), product))


def expected_gain(learnt: F64, crops: Iterable[Crop], scale: int) -> float:
    """Return the PSNR of luma that a filter gains over bicubic upsampling, dB; below 0 it loses.

    Args:
        learnt: The filter, see `learnt_filter`.
        crops: Photos by the camera, and their HR.
        scale: HR pixels per LR pixel.
    """
    errors = np.zeros(2)
    for seen, left in _samples(crops, scale):
        errors += np.square(left).sum(), np.square(left - seen @ learnt).sum()
    upsampling, filtered = np.maximum(errors, 1e-12)
    return float(10 * np.log10(upsampling / filtered))


def _samples(crops: Iterable[Crop], scale: int) -> Iterator[tuple[F64, F64]]:
    """Yield what the filter sees, [N, SIDE**2], and what bicubic upsampling lacks, [N, scale**2].

    Of one crop at a time, where the whole window is inside; in units of the full range.
    """
    beyond = SIDE // 2
    inner = slice(scale * beyond, -scale * beyond)
    for lr, hr in crops:
        grey = luma(unit_float(lr))
        windows = sliding_window_view(grey, (SIDE, SIDE)).reshape(-1, SIDE**2).astype(np.float64)
        upsampled = luma(bicubic(unit_float(lr), scale))
        lacking: F32 = (luma(unit_float(hr)) - upsampled)[inner, inner]
        rows, cols = (length // scale for length in lacking.shape)
        cells = lacking.reshape(rows, scale, cols, scale).swapaxes(1, 2)
        yield (
            windows - windows.mean(axis=1, keepdims=True),
            cells.reshape(-1, scale**2).astype(np.float64),
        )
