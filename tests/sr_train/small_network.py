"""A network with known scale and reach, for tests of tiling and scoring."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SmallNetwork(nn.Module):
    def __init__(self, scale: int = 2, blocks: int = 3, multiple: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.scale, self.multiple = scale, multiple
        inputs = 3 * multiple**2
        self.body = nn.ModuleList(
            nn.Conv2d(inputs if i == 0 else 8, 8, 3, padding=1) for i in range(blocks)
        )
        self.last = nn.Conv2d(8, 3, 3, padding=1)

    @property
    def radius(self) -> int:
        return (len(self.body) + 1) * self.multiple + self.multiple - 1

    def forward(self, lr: Tensor) -> Tensor:
        height, width = lr.shape[-2:]
        pad = (0, -width % self.multiple, 0, -height % self.multiple)
        x = F.pixel_unshuffle(F.pad(lr, pad, mode="replicate"), self.multiple)
        for conv in self.body:
            x = torch.relu(conv(x))
        sr = self.last(F.interpolate(x, scale_factor=self.scale * self.multiple, mode="nearest"))
        return sr[..., : height * self.scale, : width * self.scale]


class Nearest(nn.Module):
    scale, multiple, radius = 2, 1, 0

    def forward(self, lr: Tensor) -> Tensor:
        return F.interpolate(lr, scale_factor=2, mode="nearest")
