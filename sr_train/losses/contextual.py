"""Contextual loss (Mechrez et al. 2018): features compared with the most alike, wherever it is."""

import torch
from torch import Tensor

from sr_train.parts.device import wide

BANDWIDTH = 0.5
"""h in equation 3."""
TINY = 1e-5
"""epsilon in equation 2."""


def contextual(found: Tensor, target: Tensor) -> Tensor:
    """Return the mean over the batch of -log CX of two feature maps [B, C, h, w].

    Distances are 1 - cosine of features less the target's mean, over the smallest one of a
    position of ``found``; equations 1 to 5. Memory grows with the square of h*w.
    """
    centre = wide(target).mean((0, 2, 3), keepdim=True)
    a, b = (_unit(wide(maps) - centre).flatten(2) for maps in (found, target))
    distance = 1 - a.transpose(1, 2) @ b
    relative = distance / (distance.amin(2, keepdim=True) + TINY)
    likeness = torch.softmax((1 - relative) / BANDWIDTH, dim=2)
    best = likeness.amax(1).mean(1)
    return -(best + TINY).log().mean()


def _unit(maps: Tensor) -> Tensor:
    length: Tensor = maps.square().sum(1, keepdim=True).add(TINY**2).sqrt()
    return maps / length
