"""Pixel losses."""

from torch import Tensor
from torch.nn import functional as F


def l1(sr: Tensor, hr: Tensor) -> Tensor:
    """Return mean |SR - HR| over batch, channels and positions; both [B, 3, H, W]."""
    return F.l1_loss(sr, hr)
