"""What one step trains on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from sr_train.parts.device import placed


@dataclass(frozen=True)
class Batch:
    """Aligned crops, float32 in [0, 1]: LR [B, 3, h, w] and HR [B, 3, scale*h, scale*w].

    ``references`` [B, R, 3, H, W] are further pictures that a method's generator takes beside LR;
    None where it takes LR alone.
    """

    lr: Tensor
    hr: Tensor
    references: Tensor | None = None

    def __len__(self) -> int:
        return len(self.lr)

    def on(self, device: torch.device) -> Self:
        """Return the batch on a device."""
        references = None if self.references is None else self.references.to(device)
        return type(self)(placed(self.lr, device), placed(self.hr, device), references)

    def part(self, start: int, stop: int) -> Self:
        """Return the pairs from ``start`` up to ``stop``, as views."""
        references = None if self.references is None else self.references[start:stop]
        return type(self)(self.lr[start:stop], self.hr[start:stop], references)


def enlarged(network: nn.Module, batch: Batch) -> Tensor:
    """Return a generator's SR of a batch, [B, 3, scale*h, scale*w]."""
    inputs = (batch.lr,) if batch.references is None else (batch.lr, batch.references)
    sr: Tensor = network(*inputs)
    return sr


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Let batch norm use its running statistics, and leave them alone, inside."""
    before = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(before)
