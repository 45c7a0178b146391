"""KernelGAN's linear generator for many photos at once: one composed 13x13 kernel per lane."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from degrade.kernels.estimator_settings import KERNEL_SIDE

CHANNELS = 64
TAPS = (7, 5, 3, 1, 1, 1)
"""Sides of the six convolutions; valid borders make a kernel of side sum(TAPS) - 5 = 13."""
_ZERO = 1e-8
"""Weights smaller than this count as it in the sparsity term: the slope of |k|^0.2 at 0 is
infinite, and one weight of exactly 0 in 3,000 iterations would end a lane as NaN."""


def weight_shapes() -> list[tuple[int, int, int, int]]:
    """Return (out, in, rows, columns) of each convolution's weights."""
    sides = [1, *[CHANNELS] * (len(TAPS) - 1), 1]
    return [(sides[i + 1], sides[i], taps, taps) for i, taps in enumerate(TAPS)]


def compose(weights: Sequence[Tensor]) -> Tensor:
    """Convolve the generator's weights into the one kernel it applies.

    Without activations the six correlations are one, with the full convolution of their kernels
    (KernelGAN, section 3). From the last layer backwards there is one output channel, so the 1x1
    layers are matrix products and each larger layer is a product followed by overlap-add.

    Args:
        weights: Six tensors [L, out, in, k, k], L lanes, shapes as ``weight_shapes``.

    Returns:
        [L, 13, 13], applied as a correlation with stride 2.
    """
    lanes = weights[0].shape[0]
    kernel = weights[-1].reshape(lanes, 1, -1)
    side = 1
    for weight in reversed(weights[:-1]):
        _, out, channels, taps, _ = weight.shape
        # This order, not weight' @ kernel, gives autograd a weight gradient in the weight's layout.
        product = (kernel.reshape(lanes, out, -1).mT @ weight.reshape(lanes, out, -1)).mT
        if taps == 1:
            kernel = product
            continue
        side += taps - 1
        kernel = F.fold(product, side, taps).reshape(lanes, channels, -1)
    return kernel.reshape(lanes, KERNEL_SIDE, KERNEL_SIDE)


def rows(crops: Tensor) -> Tensor:
    """Lay out crops so that correlation with stride 2 is one matrix product.

    A row of the output needs 13 whole rows of the crop, which lie side by side in memory: only
    those are copied, a sixteenth of what all 13x13 patches would take.

    Args:
        crops: [L, 3, s, s].

    Returns:
        [L, 3*d, 13*s] with d = (s - 13) // 2 + 1; times ``band(kernel, s)`` it is the downscaled
        crops, [L, 3*d, d].
    """
    lanes, channels, size, _ = crops.shape
    out, plane = _downscaled(size), size * size
    strides = (channels * plane, plane, 2 * size, 1)
    windows = crops.contiguous().as_strided((lanes, channels, out, KERNEL_SIDE * size), strides)
    return windows.reshape(lanes, channels * out, -1)


def band(kernel: Tensor, size: int) -> Tensor:
    """Spread kernels [L, 13, 13] into banded matrices [L, 13*size, d] for ``rows``."""
    out = _downscaled(size)
    matrix = kernel.new_zeros(kernel.shape[0], KERNEL_SIDE * size, out)
    _diagonals(matrix, size).copy_(kernel[..., None].expand(-1, -1, -1, out))
    return matrix


def kernel_gradient(rows: Tensor, grad: Tensor) -> Tensor:
    """Return the kernels' gradient [L, 13, 13] from that of ``rows @ band``, [L, 3*d, d]."""
    return _diagonals(rows.mT @ grad, rows.shape[2] // KERNEL_SIDE).sum(-1)


def _downscaled(size: int) -> int:
    return (size - KERNEL_SIDE) // 2 + 1


def _diagonals(matrix: Tensor, size: int) -> Tensor:
    """View [L, u, v, j]: where kernel tap (u, v) meets output column j, at row u*size + 2j + v."""
    out = matrix.shape[2]
    shape = (matrix.shape[0], KERNEL_SIDE, KERNEL_SIDE, out)
    return matrix.as_strided(shape, (KERNEL_SIDE * size * out, size * out, out, 2 * out + 1))


def penalties(kernel: Tensor, centre_weight: Tensor, sparse_weight: Tensor, mask: Tensor) -> Tensor:
    """Return the kernel's regularisation per lane (Bell-Kligler et al., NeurIPS 2019, as released).

    Args:
        kernel: [L, 13, 13].
        centre_weight: [L], weight of the centre of mass term: its mean squared distance to 6.5.
        sparse_weight: [L], weight of mean |k|^0.2.
        mask: [13, 13], as ``boundary_mask``.

    Returns:
        [L]; the sum's distance to 1 and the boundary's mean both count half.
    """
    total = kernel.sum((1, 2))
    sum_to_one = (1 - total).abs()
    boundary = (kernel * mask).abs().mean((1, 2))
    index = torch.arange(KERNEL_SIDE, dtype=kernel.dtype, device=kernel.device)
    moments = torch.stack([kernel.sum(2) @ index, kernel.sum(1) @ index], dim=1)
    off_centre = (moments / total[:, None] - KERNEL_SIDE / 2).square().mean(1)
    sparse = kernel.abs().clamp(min=_ZERO).pow(0.2).mean((1, 2))
    return 0.5 * sum_to_one + 0.5 * boundary + centre_weight * off_centre + sparse_weight * sparse


def boundary_mask(device: torch.device) -> Tensor:
    """Return the boundary term's weights [13, 13]: 30 (1 - Gaussian), zero in the middle 9x9."""
    offsets = torch.arange(KERNEL_SIDE, dtype=torch.float64) - KERNEL_SIDE // 2
    gauss = torch.exp(-offsets.square() / (2 * KERNEL_SIDE**2))
    mask = 30 * (1 - gauss[:, None] * gauss[None])
    mask[2:-2, 2:-2] = 0
    return mask.to(device, torch.float32)
