"""What the program asks of generators, with references too, and its table knows of a network."""

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn


class Generator(nn.Module):
    """A network that enlarges LR [B, 3, h, w] to SR [B, 3, scale*h, scale*w], range [0, 1]."""

    scale: int
    """SR pixels per LR pixel."""
    multiple: int
    """Tiles must start at a multiple of this many LR pixels."""
    arguments: dict[str, Any]
    """What its constructor was called with: weights files carry it, so that it can be rebuilt."""

    body: nn.Sequential
    """Its equal blocks, which are compiled one by one."""

    @property
    def radius(self) -> int:
        """Farthest LR pixel, in rows or columns, that an SR pixel of an LR pixel's block sees."""
        raise NotImplementedError

    def tiling_note(self) -> str | None:
        """Return what tiles changed, None if they gave the pixels of the whole picture."""
        return None


LEVELS = 255


class ReferenceGenerator(Generator):
    """A generator whose texture comes from references; each SR pixel sees all of every picture."""

    multiple = 1

    @property
    def radius(self) -> int:
        """Farthest LR pixel that an SR pixel sees: matching is global, there is no bound."""
        raise NotImplementedError("a network that matches references sees the whole picture")

    @abstractmethod
    def forward(self, lr: Tensor, references: Tensor | None = None) -> Tensor:
        """Enlarge LR [B, 3, h, w] with references [B, R, 3, H, W], all in [0, 1]."""


def resized(image: Tensor, factor: float) -> Tensor:
    """Return pictures in [0, 1] resized bicubically (a = -0.5, antialiased), in 8-bit steps.

    The published pipelines resize 8-bit pictures with Pillow, which rounds; references that were
    not rounded alike would match a little differently.
    """
    picture = F.interpolate(
        image, scale_factor=factor, mode="bicubic", antialias=True, align_corners=False
    )
    return (picture.clamp(0, 1) * LEVELS).round() / LEVELS


Tensors = dict[str, Tensor]
Size = dict[str, Any]


def unchanged(tensors: Tensors) -> Tensors:
    """Return tensors under the names that they have."""
    return tensors


@dataclass(frozen=True)
class Entry:
    """One kind of network: how it is built, recognised from tensors, and chosen in settings."""

    network: type[nn.Module]
    """Called with its ``arguments``, which its weights files carry; a generator has its ``radius``
    and ``multiple``. Files name it by the class's name."""
    recognise: Callable[[Tensors], Size | None]
    """Returns the arguments of the network that a file's tensors look to be of, None if it is of
    another kind. Raises ValueError where it is of this one, but its size does not follow from
    them."""
    named: Callable[[Tensors], Tensors] = unchanged
    """Returns a file's tensors under the names that the class gives them."""
    architecture: str | None = None
    """What ``network.architecture`` calls it in the settings; None: it is not chosen there."""


def numbered(tensors: Mapping[str, Tensor], pattern: str) -> int:
    """Return how many different texts a pattern's group has among the names, from their start."""
    return len({found[1] for key in tensors if (found := re.match(pattern, key))})
