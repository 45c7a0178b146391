"""Measure how far an LR image is displaced against its HR image."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from scipy.sparse import csr_array

from degrade.arrays import F32, F64, Image
from degrade.errors import DegradeError, SettingsError
from degrade.images.colour import luma, unit_float
from degrade.images.resize import bicubic, sample_columns, sample_rows, sampling_matrix

_STEPS = 40
_SETTLED = 1e-4
"""Stop when the shift changes by less than this, in HR pixels."""
_PITCH = 2
"""Samples of ``hr`` per LR pixel: so fine that aliasing is part of the fit."""
_WIDTH = 0.45
"""Standard deviation of the blur before sampling, in samples."""
_REACH = 6
"""The symmetric filter between the two images has taps to this distance, in samples."""
SMALLEST = 24
"""Shortest side of an LR image that can be aligned."""
_LARGEST = 224
"""Longest side that is compared, in LR pixels: the middle of larger images is enough."""


def subpixel_shift(hr: Image, lr: Image, scale: int) -> tuple[float, float]:
    """Return the displacement (dy, dx) of the content of ``lr``, in HR pixels.

    Zero where LR pixel i is centred on HR coordinate ``scale*i + (scale-1)/2``; positive where the
    content lies lower or further right than that. ``hr`` is blurred and sampled at a trial shift;
    ``lr`` is fitted by it through a free filter that is symmetric, so that it can move nothing,
    and by its gradient, which corrects the shift: Gauss-Newton steps from the peak of the
    cross-correlation. So contrast, brightness and a symmetric blur of any shape do not count, as
    long as the blur stays within 3 LR pixels of its centre. On photos without noise the error is
    under 0.005 HR pixels.

    Args:
        hr: [H, W, 3], uint8 or float32.
        lr: [H/scale, W/scale, 3], of any brightness and contrast.
        scale: HR pixels per LR pixel.

    Raises:
        SettingsError: The sizes do not fit together, or are too small.
        DegradeError: An image is flat, so that nothing shows where it lies.
    """
    fine, coarse = luma(unit_float(hr)), luma(unit_float(lr))
    _check(fine, coarse, scale)
    fine, coarse = fine[middle(fine.shape, scale)], coarse[middle(coarse.shape, 1)]
    (dy, dx), _ = fitted_shift(fine, coarse, scale, whole_pixels(fine, coarse, scale) * scale)
    return float(dy), float(dx)


def fitted_shift(
    fine: F32,
    coarse: F32,
    scale: int,
    start: F64,
    *,
    reach: int = _REACH,
    settled: float = _SETTLED,
    steps: int = _STEPS,
) -> tuple[F64, float]:
    """Fit ``coarse`` by ``fine`` as `subpixel_shift` says, beginning at a shift in HR pixels.

    Args:
        fine: [H, W], luma of HR.
        coarse: [H/scale, W/scale], of LR.
        scale: HR pixels per LR pixel.
        start: [2], rows and columns.
        reach: Of the symmetric filter, in halves of LR pixels; the time grows by its fourth power.
        settled: Change of the shift at which to stop, in HR pixels.
        steps: At most so many are made.

    Returns:
        The shift [2], in HR pixels, and the share of ``coarse``'s variance that the fit explains.
    """
    shift = start
    border = _border(reach)
    target = coarse[border:-border, border:-border].ravel().astype(np.float64)
    taps = np.eye(1, len(_half_plane(reach)))[0]
    for _ in range(steps):
        sampled, down, right = _blurred(fine, scale, shift)
        gradient = [taps @ _symmetric_terms(slope, reach) for slope in (down, right)]
        basis = np.stack(
            [*gradient, *_symmetric_terms(sampled, reach), np.ones_like(target)], axis=1
        )
        solution = np.linalg.lstsq(basis.T @ basis, basis.T @ target, rcond=1e-10)[0]
        taps, step = solution[2:-1], np.clip(solution[:2], -scale / 2, scale / 2)
        shift = shift + step
        if np.abs(step).max() < settled:
            break
    left = np.var(target - basis @ solution)
    return shift, float(1 - left / max(np.var(target), np.finfo(np.float64).tiny))


def _check(fine: F32, coarse: F32, scale: int) -> None:
    if tuple(side * scale for side in coarse.shape) != fine.shape:
        raise SettingsError(
            f"LR image {list(coarse.shape)} is not HR image {list(fine.shape)} over scale {scale}"
        )
    if min(coarse.shape) < SMALLEST:
        raise SettingsError(f"LR image {list(coarse.shape)} is too small to align; give 24 or more")
    if np.ptp(fine) == 0 or np.ptp(coarse) == 0:
        raise DegradeError("flat image: there is nothing to align; give one with detail")


def middle(shape: Sequence[int], scale: int) -> tuple[slice, slice]:
    """Return where the middle LARGEST LR pixels of each axis lie, ``scale`` pixels per LR pixel."""
    rows, columns = (
        slice(start := max(0, side // scale - _LARGEST) // 2 * scale, start + _LARGEST * scale)
        for side in shape[:2]
    )
    return rows, columns


def whole_pixels(fine: F32, coarse: F32, scale: int) -> F64:
    """Return the peak of the cross-correlation of HR and LR luma, in LR pixels."""
    reference = bicubic(fine[..., None], Fraction(1, scale))[..., 0]
    window = np.outer(*(np.hanning(side + 2)[1:-1] for side in coarse.shape))
    spectra = [np.fft.fft2((image - image.mean()) * window) for image in (reference, coarse)]
    correlation = np.fft.ifft2(np.conj(spectra[0]) * spectra[1]).real
    peak = np.array(np.unravel_index(np.argmax(correlation), correlation.shape))
    sides = np.array(correlation.shape)
    shift: F64 = (peak + sides // 2) % sides - sides // 2.0
    return shift


def _border(reach: int) -> int:
    """Return how many LR pixels are left out at each side."""
    return reach // _PITCH + 2


def _half_plane(reach: int) -> list[tuple[int, int]]:
    """Return the centre, and one offset of each pair that point symmetry makes equal."""
    rows, columns = range(reach + 1), range(-reach, reach + 1)
    return [(y, x) for y in rows for x in columns if (y, x) >= (0, 0)]


def _shifted(samples: F32, first: int, y: int, x: int) -> F32:
    """Return the samples at an offset from the centres of the LR pixels inside the border."""
    height, width = samples.shape
    return samples[first + y : height - first + y : _PITCH, first + x : width - first + x : _PITCH]


def _symmetric_terms(image: F32, reach: int) -> F64:
    """Return the responses to the symmetric filters of two equal taps, [terms, pixels]."""
    first = _PITCH * _border(reach)
    pairs = [
        (_shifted(image, first, y, x) + _shifted(image, first, -y, -x)).ravel() / 2
        for y, x in _half_plane(reach)
    ]
    return np.stack(pairs).astype(np.float64)


def _blurred(fine: F32, scale: int, shift: F64) -> tuple[F32, F32, F32]:
    """Return a Gaussian blur of ``fine`` sampled at a shift, and its derivatives by the shift."""
    (rows, row_slopes), (columns, column_slopes) = (
        [_blur_matrix(length, scale, float(moved), slope) for slope in (False, True)]
        for length, moved in zip(fine.shape, shift, strict=True)
    )
    blurred = sample_rows(rows, fine)
    return (
        sample_columns(columns, blurred),
        sample_columns(columns, sample_rows(row_slopes, fine)),
        sample_columns(column_slopes, blurred),
    )


def _blur_matrix(length: int, scale: int, shift: float, slope: bool) -> csr_array:
    """Sample an axis, from LR pixel 0 on, with a Gaussian or its derivative by shift."""
    step = scale / _PITCH
    sigma = max(_WIDTH * step, 0.8)  # narrower, the HR grid itself shows

    def profile(offsets: F64) -> F64:
        gauss = np.exp(-0.5 * (offsets / sigma) ** 2)
        gauss /= gauss.sum(axis=1, keepdims=True)
        weights: F64 = -offsets / sigma**2 * gauss if slope else gauss
        return weights

    centres = step * np.arange(length // scale * _PITCH) + (scale - 1) / 2 - shift
    return sampling_matrix(length, centres, 4 * sigma, profile)
