"""Kernels' shapes: canvas, centre, the bicubic kernel, x4 from x2, and distances."""

import numpy as np

from degrade.arrays import F32, F64
from degrade.errors import SettingsError
from degrade.images.resize import bicubic_taps

Kernel = F32 | F64
"""[S, S] weights, applied as a correlation."""


def canvas_size(scale: int) -> int:
    """Return the side of a kernel for ``scale``: 16 for x2, 25 for x3, 32 for x4, 64 for x8."""
    return 8 * scale + scale % 2


def centre_of_mass(kernel: Kernel) -> tuple[float, float]:
    """Return the (row, column) of the centre of mass, in pixels from the first one's centre."""
    index = np.arange(kernel.shape[0])
    total = kernel.sum(dtype=np.float64)
    return float(kernel.sum(1) @ index / total), float(kernel.sum(0) @ index / total)


def recentre(kernel: Kernel, size: int) -> F32:
    """Move a kernel's centre of mass to the centre of a [size, size] canvas.

    The sub-pixel part of the move is a cubic spline interpolation; its ringing is clipped at zero
    and the rest of the move corrected until the centre lies within 0.01 pixels. A kernel that is in
    place already is only padded or cropped.

    Args:
        kernel: [S, S], finite, with a positive sum; negative weights are clipped.
        size: Side of the result.

    Returns:
        [size, size] float32, non-negative, sum 1, centre of mass at (size - 1) / 2.

    Raises:
        SettingsError: The kernel is not a square of finite weights with a positive sum.
    """
    _check(kernel)
    return _centred(kernel.clip(min=0), size, floor=0.0).astype(np.float32)


def l1_distance(a: Kernel, b: Kernel) -> float:
    """Return sum |a - b| of two kernels, both moved to the centre of one canvas with sum 1.

    0 is equal and, without negative weights, 2 is disjoint; negative weights (bicubic's) count.
    """
    _check(a)
    _check(b)
    size = max(a.shape[0], b.shape[0])
    return float(np.abs(_centred(a, size) - _centred(b, size)).sum())


def bicubic_kernel(scale: int) -> F32:
    """Return MATLAB's antialiased bicubic downscaling as a kernel on the canvas of ``scale``."""
    taps = bicubic_taps(scale)
    margin = canvas_size(scale) - taps.size
    padded = np.pad(taps, margin // 2)
    return np.outer(padded, padded).astype(np.float32)


def x2_to_x4(kernel: Kernel) -> F32:
    """Return the kernel that downscales by 4 as ``kernel`` does by 2, twice (KernelGAN).

    Args:
        kernel: [16, 16], centred, sum 1.

    Returns:
        [32, 32] float32, centred, sum 1; what lies beyond the canvas is cut.
    """
    from scipy import signal  # which loads all of scipy.stats: half a second

    dilated = np.zeros((2 * kernel.shape[0] - 1,) * 2)
    dilated[::2, ::2] = kernel
    return recentre(signal.convolve2d(kernel.astype(np.float64), dilated), canvas_size(4))


_MARGIN = 8
"""Zeros around a kernel while its spline is fitted: the spline's tails die out within them."""


def _centred(kernel: Kernel, size: int, floor: float | None = None) -> F64:
    """Move and normalise a kernel, weights below ``floor`` clipped after each interpolation."""
    source = np.pad(kernel.astype(np.float64), _MARGIN)
    target = (size - 1) / 2
    offset = np.array(centre_of_mass(source)) - target
    for _ in range(50):
        moved = _shift(source, offset, size, floor)
        error = np.array(centre_of_mass(moved)) - target
        if np.abs(error).max() < 1e-4:
            break
        offset += error
    return moved


def _shift(source: F64, offset: F64, size: int, floor: float | None) -> F64:
    """Sample ``source`` at output position + offset, clip and normalise."""
    from scipy import ndimage  # a fifth of a second, when first needed

    nearest = np.round(offset)
    exact = np.abs(offset - nearest).max() < 1e-6
    where, order = (nearest, 0) if exact else (offset, 3)
    moved = ndimage.affine_transform(
        source, np.ones(2), where, output_shape=(size, size), order=order, mode="constant"
    ).clip(min=floor)
    return np.asarray(moved / moved.sum())


def _check(kernel: Kernel) -> None:
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1]:
        raise SettingsError(f"kernel of shape {kernel.shape}: give a square one")
    total = kernel.clip(min=0).sum()
    if not (np.isfinite(total) and total > 0):
        raise SettingsError(
            f"kernel with the sum {total:g}: give finite weights with a positive sum"
        )


def prune(kernel: Kernel, kept: int) -> F64:
    """Remove a generator's small weights, as KernelGAN does, and normalise.

    Three quarters of the (kept + 1)-th largest weight is subtracted and negatives are clipped.

    Args:
        kernel: [S, S], finite.
        kept: Weights certain to remain; 40 in KernelGAN.

    Returns:
        [S, S] float64, non-negative, sum 1.

    Raises:
        SettingsError: Nothing is left.
    """
    weights = kernel.astype(np.float64)
    threshold = 0.75 * np.partition(weights, -kept - 1, axis=None)[-kept - 1]
    left = (weights - threshold).clip(min=0)
    _check(left)
    return np.asarray(left / left.sum())
