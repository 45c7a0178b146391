"""The locally discriminative loss, LDL (Liang, Zeng and Zhang 2022): artifacts are penalised."""

import torch
from torch import Tensor
from torch.nn import functional as F

from sr_train.compute.device import wide

LDL_WINDOW = 7
"""Side of the window in which the residual's variance is taken (section 3.2)."""
LDL_EXPONENT = 1 / 5
"""Exponent of the whole picture's variance, so that it counts less than the local one."""


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
