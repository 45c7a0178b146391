"""Pixel losses: means over batch, channels and positions."""

from torch import Tensor
from torch.nn import functional as F

from sr_train.compute.device import wide
from sr_train.settings.choices import PixelLoss

EPSILON = 1e-3
"""Charbonnier's (Lai 2017, section 3.2), for images in [0, 1]."""


def pixel_loss(sr: Tensor, hr: Tensor, kind: PixelLoss) -> Tensor:
    """Return the loss of that name; both [B, 3, H, W]."""
    match kind:
        case "l1":
            return l1(sr, hr)
        case "charbonnier":
            return charbonnier(sr, hr)
        case "mse":
            return mse(sr, hr)


def l1(sr: Tensor, hr: Tensor) -> Tensor:
    """Return mean |SR - HR|."""
    return F.l1_loss(wide(sr), hr)


def charbonnier(sr: Tensor, hr: Tensor) -> Tensor:
    """Return mean sqrt((SR - HR)^2 + epsilon^2)."""
    return (wide(sr) - hr).square().add(EPSILON**2).sqrt().mean()


def mse(sr: Tensor, hr: Tensor) -> Tensor:
    """Return mean (SR - HR)^2."""
    return F.mse_loss(wide(sr), hr)
