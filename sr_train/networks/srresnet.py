"""SRResNet, the generator of SRGAN (Ledig et al. 2017, figure 4)."""

import re
from math import isqrt, prod

import torch
from torch import Tensor, nn

from degrade.errors import SettingsError
from sr_train.networks.generator import Entry, Generator, Size, Tensors, numbered
from sr_train.settings.common import SCALES

ENLARGEMENTS: dict[int, tuple[int, ...]] = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
"""Pixel-shuffle factors after the body, by scale."""


class ResidualBlock(nn.Module):
    """conv, batch norm, PReLU, conv, batch norm, added to the input."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(features)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(features)

    def forward(self, x: Tensor) -> Tensor:
        """[B, features, h, w] to the same shape."""
        return torch.add(x, self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x))))))


class Enlargement(nn.Module):
    """conv to factor^2 times the channels, pixel shuffle, PReLU."""

    def __init__(self, features: int, factor: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(features, features * factor**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(factor)
        self.prelu = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[B, features, h, w] to [B, features, factor*h, factor*w]."""
        enlarged: Tensor = self.prelu(self.shuffle(self.conv(x)))
        return enlarged


class SRResNet(Generator):
    """SRResNet: 9x9 convolution, residual blocks under a long skip, enlargements, 9x9 convolution.

    The paper's HR is in [-1, 1] and its LR in [0, 1]; here the last convolution gives the former,
    which ``forward`` brings to [0, 1]. Scale 4 is the paper's, the others enlarge by other factors.

    Args:
        scale: Magnification, one of 1, 2, 3, 4, 8.
        features: Channels; 64 in the paper.
        blocks: Residual blocks; 16 in the paper.
    """

    multiple = 1
    """Tiles may start anywhere."""

    def __init__(self, scale: int = 4, features: int = 64, blocks: int = 16) -> None:
        super().__init__()
        if scale not in SCALES:
            raise SettingsError(f"scale is {scale}: SRResNet is built for {SCALES}")
        self.scale, self.blocks = scale, blocks
        self.arguments = {"scale": scale, "features": features, "blocks": blocks}
        self.conv_first = nn.Conv2d(3, features, 9, padding=4)
        self.prelu = nn.PReLU()
        self.body = nn.Sequential(*(ResidualBlock(features) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        self.bn_body = nn.BatchNorm2d(features)
        self.up = nn.Sequential(*(Enlargement(features, f) for f in ENLARGEMENTS[scale]))
        self.conv_last = nn.Conv2d(features, 3, 9, padding=4)

    @property
    def radius(self) -> int:
        """Farthest LR pixel, in rows or columns, that an SR pixel of an LR pixel's block sees."""
        first, last = -4, self.scale - 1 + 4  # conv_last
        for factor in reversed(ENLARGEMENTS[self.scale]):
            first, last = first // factor - 1, last // factor + 1
        return max(-first, last) + 1 + 2 * self.blocks + 4

    def forward(self, lr: Tensor) -> Tensor:
        """Enlarge LR [B, 3, h, w] to SR [B, 3, scale*h, scale*w], range [0, 1], not clamped."""
        head = self.prelu(self.conv_first(lr))
        x = head + self.bn_body(self.conv_body(self.body(head)))
        sr: Tensor = (self.conv_last(self.up(x)) + 1) / 2
        return sr


def recognise(tensors: Tensors) -> Size | None:
    """Return the size of the network that tensors look to be of."""
    if not {"bn_body.weight", "conv_first.weight"} <= tensors.keys():
        return None
    features = tensors["conv_first.weight"].shape[0]
    shuffles = [v.shape[0] for k, v in tensors.items() if re.fullmatch(r"up\.\d\.conv\.weight", k)]
    return {
        "scale": prod(isqrt(channels // features) for channels in shuffles),
        "features": features,
        "blocks": numbered(tensors, r"body\.(\d+)\."),
    }


ENTRY = Entry(SRResNet, recognise, architecture="srresnet")
