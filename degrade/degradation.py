"""The degradation LR = (HR * k) sampled every s pixels + n, as pure functions of arrays."""

from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt

from degrade.arrays import F32, Image
from degrade.errors import SettingsError
from degrade.images.colour import to_uint8, unit_float
from degrade.images.resize import bicubic, every_nth

__all__ = ["degrade", "downsample", "margin", "to_uint8"]


def degrade(hr: Image, kernel: F32 | None, scale: int, noise: F32 | None = None) -> F32:
    """Return the LR image of ``hr``: blurred, sampled, noisy, clipped to [0, 1].

    Args:
        hr: [H, W, C]; uint8, or float32 in [0, 1]; H and W multiples of ``scale``.
        kernel: Correlation kernel as for `downsample`; None is MATLAB's bicubic.
        scale: HR pixels per LR pixel.
        noise: [H/scale, W/scale, C] in units of [0, 1], zero-mean already; added before the clip.

    Returns:
        [H/scale, W/scale, C] float32 in [0, 1], not rounded.
    """
    _check_sides(hr, scale)
    lr = bicubic(hr, Fraction(1, scale)) if kernel is None else downsample(hr, kernel, scale)
    if noise is not None:
        if noise.shape != lr.shape:
            raise SettingsError(
                f"noise is {list(noise.shape)} but the LR image is {list(lr.shape)}; cut it to fit"
            )
        lr = lr + unit_float(noise)
    return np.asarray(np.clip(lr, 0, 1), np.float32)


def downsample(hr: Image, kernel: npt.NDArray[np.floating], scale: int) -> F32:
    """Correlate with ``kernel`` at the sampled positions only.

    LR pixel (i, j) is the sum of the kernel times the K x K pixels of ``hr`` around HR coordinate
    ``(scale*i + (scale-1)/2, scale*j + (scale-1)/2)``; borders are symmetric, the edge pixel
    repeated. ``hr`` and ``kernel`` are split into their scale*scale phases: each output is then a
    sum of small dense correlations, and no other pixel is computed.

    Args:
        hr: [H, W, C]; uint8, or float32 in [0, 1]; H and W multiples of ``scale``.
        kernel: [K, K], K even where ``scale`` is even and odd where it is odd.
        scale: HR pixels per LR pixel, at least 1.

    Returns:
        [H/scale, W/scale, C] float32 on the scale of [0, 1], not clipped.

    Raises:
        SettingsError: Kernel, scale and image do not go together.
    """
    _check_sides(hr, scale)
    _check_kernel(kernel, scale)
    canvas, before = _whole_cells(np.asarray(kernel, np.float32), scale)
    after = len(canvas) - scale - before
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    beyond = after + scale - 1  # so that every phase has whole cells
    padded: Image = cv2.copyMakeBorder(  # type: ignore[assignment]
        hr, before, beyond, before, beyond, cv2.BORDER_REFLECT
    ).reshape(height * scale + before + beyond, -1, hr.shape[2])
    rows, columns = (scale * (side + len(canvas) // scale - 1) for side in (height, width))
    lr = np.zeros((height, width, hr.shape[2]), np.float32)
    phase = np.empty((rows // scale, columns // scale, hr.shape[2]), np.float32)
    product = np.empty_like(phase)
    for row in range(scale):
        for column in range(scale):
            part = canvas[row::scale, column::scale]
            if part.any():
                phase[:] = every_nth(padded[row : row + rows, column : column + columns], scale)
                _correlate(phase, part, product)
                lr += product[:height, :width]
    if hr.dtype == np.uint8:
        lr /= 255
    return lr


def margin(kernel_side: int, scale: int) -> int:
    """Return how many HR pixels around an image its LR depends on, on each side."""
    return max(0, (kernel_side - scale) // 2)


def _check_sides(hr: Image, scale: int) -> None:
    if scale < 1:
        raise SettingsError(f"scale is {scale}; give 1 or more")
    if hr.ndim != 3:
        raise SettingsError(f"HR image is {list(hr.shape)}; give [height, width, channels]")
    height, width = hr.shape[:2]
    if height < scale or width < scale or height % scale or width % scale:
        raise SettingsError(
            f"HR image of {height} rows and {width} columns is no multiple of scale {scale}; "
            "crop it (crop_to_multiple)"
        )


def _check_kernel(kernel: npt.NDArray[np.floating], scale: int) -> None:
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not kernel.size:
        raise SettingsError(f"kernel is {list(kernel.shape)}; give a square one")
    if (len(kernel) - scale) % 2:
        raise SettingsError(
            f"kernel side {len(kernel)} and scale {scale} differ in parity, so the kernel has no "
            f"centre on the LR grid; give an {'odd' if scale % 2 else 'even'} side"
        )


def _whole_cells(kernel: F32, scale: int) -> tuple[F32, int]:
    """Return the kernel in a canvas of whole scale x scale cells, and the border it needs.

    The border is how many pixels the canvas starts before HR pixel 0 for LR pixel 0. Zeros fill
    the canvas: after the kernel, or around one that is smaller than a cell.
    """
    side = len(kernel)
    lead = max(0, (scale - side) // 2)
    trail = -(lead + side) % scale
    return np.pad(kernel, (lead, trail)), margin(side, scale)


def _correlate(image: F32, kernel: F32, product: F32) -> None:
    """Correlate with the window's top left pixel as anchor; the last rows and columns are void."""
    zeros = cv2.BORDER_CONSTANT
    cv2.filter2D(image, cv2.CV_32F, kernel, dst=product, anchor=(0, 0), borderType=zeros)
