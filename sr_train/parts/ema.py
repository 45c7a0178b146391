"""Exponential moving average of a network's weights."""

import copy
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def start_average(network: Network, decay: float) -> Network:
    """Return the copy that will hold the average; with decay 0, ``network`` itself."""
    return copy.deepcopy(network).requires_grad_(False).eval() if decay else network


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move ``average`` towards ``network`` after ``step`` (counted from 0) of a stage.

    The decay rises as (1 + step) / (10 + step) until it reaches ``decay``, so that a short run does
    not keep its first weights.
    """
    if average is network:
        return
    share = 1 - min(decay, (1 + step) / (10 + step))
    for weight, newest in zip(average.parameters(), network.parameters(), strict=True):
        weight.lerp_(newest, share)
    for buffer, current in zip(average.buffers(), network.buffers(), strict=True):
        buffer.copy_(current)
