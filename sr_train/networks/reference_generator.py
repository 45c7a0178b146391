"""What training and upscaling ask of a network that takes reference pictures beside LR."""

from abc import abstractmethod

import torch.nn.functional as F
from torch import Tensor

from sr_train.networks.generator import Generator

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
