"""The focal frequency loss (Jiang et al. 2021)."""

import torch
from torch import Tensor

from sr_train.compute.device import wide


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
