"""A batch: the crops of one training step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from sr_train.compute.device import to_device


@dataclass(frozen=True)
class Batch:
    """Aligned crops, float32 in [0, 1]: LR [B, 3, h, w] and HR [B, 3, scale*h, scale*w].

    ``references`` [B, R, 3, H, W] are further pictures that a method's generator takes beside LR;
    None where it takes LR alone. ``related`` [B] bool says which crops' references were found for
    them; None = all.
    """

    lr: Tensor
    hr: Tensor
    references: Tensor | None = None
    related: Tensor | None = None

    def __len__(self) -> int:
        return len(self.lr)

    def on(self, device: torch.device) -> Self:
        """Return the batch on a device."""
        rest = (None if each is None else each.to(device) for each in self._of_references)
        return type(self)(to_device(self.lr, device), to_device(self.hr, device), *rest)

    def part(self, start: int, stop: int) -> Self:
        """Return the pairs from ``start`` up to ``stop``, as views."""
        rest = (None if each is None else each[start:stop] for each in self._of_references)
        return type(self)(self.lr[start:stop], self.hr[start:stop], *rest)

    @property
    def _of_references(self) -> tuple[Tensor | None, Tensor | None]:
        return self.references, self.related


def textures_to_learn(
    features: Sequence[Tensor], textures: Sequence[Tensor], related: Tensor | None
) -> Sequence[Tensor]:
    """Return what SR's features are to be like: transferred textures, of related references alone.

    Where references are another pair's it is what SR's features are, and nothing is learnt.

    Args:
        features: Of SR, [B, C, h, w] at each level.
        textures: Transferred, of the same shapes.
        related: As of `Batch`.
    """
    if related is None:
        return textures
    chosen = related.view(-1, 1, 1, 1)
    pairs = zip(textures, features, strict=True)
    return [torch.where(chosen, texture, own.detach()) for texture, own in pairs]


def enlarged(network: nn.Module, batch: Batch) -> Tensor:
    """Return a generator's SR of a batch, [B, 3, scale*h, scale*w]."""
    inputs = (batch.lr,) if batch.references is None else (batch.lr, batch.references)
    sr: Tensor = network(*inputs)
    return sr
