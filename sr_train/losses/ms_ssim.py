"""MS-SSIM as a loss (Wang, Simoncelli and Bovik 2003)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from sr_train.compute.device import wide

EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, the finest first; of fewer scales they are made to sum to 1 again."""
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
"""SSIM's stabilising constants for images in [0, 1]."""
TINY = 1e-6
"""Least factor of a scale: powers of what is below 0 are not defined."""


def ms_ssim(sr: Tensor, hr: Tensor) -> Tensor:
    """Return 1 - MS-SSIM, the mean over batch and channels; Wang, Simoncelli and Bovik 2003.

    Each scale has half the size of the one before, by means of 2x2 pixels; only those into which
    the 11x11 window fits count, and at the last luminance counts too (equation 7).

    Args:
        sr: [B, 3, H, W] with sides of 11 or more.
        hr: The same shape, in [0, 1].
    """
    fitting = 1
    while fitting < len(EXPONENTS) and min(sr.shape[-2:]) >> fitting >= WINDOW:
        fitting += 1
    exponents = [each / sum(EXPONENTS[:fitting]) for each in EXPONENTS[:fitting]]
    a, b = wide(sr), wide(hr)
    product = torch.ones(a.shape[:2], dtype=a.dtype, device=a.device)
    for scale, exponent in enumerate(exponents, 1):
        luminance, structure = _maps(a, b)
        found = luminance * structure if scale == fitting else structure
        product = product * found.mean((2, 3)).clamp_min(TINY) ** exponent
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return 1 - product.mean()


def _maps(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return SSIM's luminance, and its contrast times structure, where the window lies inside."""
    mean_a, mean_b = _smooth(a), _smooth(b)
    square_a, square_b, product = mean_a * mean_a, mean_b * mean_b, mean_a * mean_b
    variances = _smooth(a * a) - square_a + _smooth(b * b) - square_b
    covariance = _smooth(a * b) - product
    luminance = (2 * product + C1) / (square_a + square_b + C1)
    return luminance, (2 * covariance + C2) / (variances + C2)


def _smooth(x: Tensor) -> Tensor:
    away = torch.arange(WINDOW, dtype=x.dtype, device=x.device) - WINDOW // 2
    taps = torch.exp(-away.square() / (2 * SIGMA**2))
    taps = (taps / taps.sum()).expand(x.shape[1], 1, 1, WINDOW)
    rows = F.conv2d(x, taps, groups=x.shape[1])
    return F.conv2d(rows, taps.transpose(2, 3), groups=x.shape[1])
