"""Further losses of SR and HR, with a line for each by the name that settings choose it by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sr_train.compute.device import wide
from sr_train.networks.dists import Dists, dists_missing
from sr_train.settings.choices import FurtherLoss


@dataclass(frozen=True)
class Seen:
    """What losses look at in one step.

    Attributes:
        sr: [B, 3, H, W], not clamped.
        hr: The same shape, in [0, 1].
        averaged: Makes SR of the averaged weights, the same shape, without gradient.
    """

    sr: Tensor
    hr: Tensor
    averaged: Callable[[], Tensor]


Loss = Callable[[Seen, Dists | None], Tensor]
"""A scalar of what is seen, with DISTS' network where a run has it."""


def _dists(seen: Seen, network: Dists | None) -> Tensor:
    if network is None:
        raise dists_missing()
    distances: Tensor = network(seen.sr, seen.hr)
    return distances.mean()


FURTHER: dict[FurtherLoss, Loss] = {
    "ms-ssim": lambda seen, _: ms_ssim(seen.sr, seen.hr),
    "focal-frequency": lambda seen, _: focal_frequency(seen.sr, seen.hr),
    "ldl": lambda seen, _: ldl(seen.sr, seen.hr, seen.averaged()),
    "dists": _dists,
}


def further_losses(
    seen: Seen, weights: Mapping[FurtherLoss, float], dists: Dists | None
) -> dict[str, Tensor]:
    """Return the losses that have a weight, each still to be weighted."""
    return {name: FURTHER[name](seen, dists) for name in weights}


def focal_frequency(sr: Tensor, hr: Tensor) -> Tensor:
    """Return the mean of w |F(SR) - F(HR)|^2, with the orthonormal 2-D transform F.

    What is farthest off in the spectrum counts most (Jiang et al. 2021). The weight w is |F(SR) -
    F(HR)| over its largest value in each channel of each picture, without gradient (equations 7 and
    8, alpha 1).

    Args:
        sr: [B, 3, H, W].
        hr: The same shape.
    """
    difference = torch.fft.fft2(wide(sr) - wide(hr), norm="ortho")
    squares = difference.real.square() + difference.imag.square()
    weight = squares.detach().sqrt()
    largest = weight.amax((2, 3), keepdim=True).clamp_min(torch.finfo(weight.dtype).tiny)
    weighted: Tensor = weight / largest * squares
    return weighted.mean()


LDL_WINDOW = 7
"""Side of the window in which the residual's variance is taken (section 3.2)."""
LDL_EXPONENT = 1 / 5
"""Of the whole picture's variance, so that it counts less than the local one."""


def ldl(sr: Tensor, hr: Tensor, averaged: Tensor) -> Tensor:
    """Return the locally discriminative loss, the mean of M |SR - HR|, M the map of artifacts.

    Liang, Zeng and Zhang 2022.

    Args:
        sr: [B, 3, H, W] with sides of 4 or more.
        hr: The same shape.
        averaged: SR of the averaged weights, the same shape.
    """
    return (artifacts(sr, hr, averaged) * (wide(sr) - hr).abs()).mean()


@torch.no_grad()
def artifacts(sr: Tensor, hr: Tensor, averaged: Tensor) -> Tensor:
    """Return how much each pixel looks like an artifact, [B, 1, H, W]; arguments are `ldl`'s.

    With R the residual |SR - HR| summed over channels: the variance of R around a pixel, times the
    fifth root of that of the whole picture; 0 where the averaged weights' SR is farther from HR,
    as details are that are being learnt (section 3). Borders are reflected. No gradient flows
    through it; in the authors' program one does.
    """
    residual, before = (_residual(each, hr) for each in (sr, averaged))
    around = F.pad(residual, (LDL_WINDOW // 2,) * 4, mode="reflect")
    windows = around.unfold(2, LDL_WINDOW, 1).unfold(3, LDL_WINDOW, 1)
    local = windows.flatten(4).var(4)
    whole = residual.flatten(1).var(1).view(-1, 1, 1, 1) ** LDL_EXPONENT
    return torch.where(residual < before, 0, whole * local)


def _residual(sr: Tensor, hr: Tensor) -> Tensor:
    return (wide(sr) - hr).abs().sum(1, keepdim=True)


EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales, the finest first; of fewer scales they are made to sum to 1 again."""
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
