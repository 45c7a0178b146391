"""SRGAN's discriminator (Ledig et al. 2017, figure 4)."""

from math import isqrt

from torch import Tensor, nn

from degrade.errors import SettingsError
from sr_train.networks.generator import Entry, Size, Tensors
from sr_train.settings.srgan import CROP_MULTIPLE as MULTIPLE

LAYERS = ((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2))
"""Output channels and stride of the 3x3 convolutions after the first."""


class SrganDiscriminator(nn.Module):
    """One logit per image; the paper's sigmoid is part of the loss.

    Batch norm after all convolutions but the first, which alone has a bias; leaky ReLU 0.2. Its
    first dense layer ties it to one side.

    Args:
        side: Rows and columns of the images; 96 in the paper, whose dense layer reads 6x6x512.

    Raises:
        SettingsError: ``side`` is no multiple of 16.
    """

    def __init__(self, side: int = 96) -> None:
        super().__init__()
        if side % MULTIPLE:
            raise SettingsError(
                f"crop is {side}: SRGAN's discriminator needs a multiple of {MULTIPLE}"
            )
        self.arguments = {"side": side}
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, 1, 1), nn.LeakyReLU(0.2, inplace=True)]
        inputs = 64
        for outputs, stride in LAYERS:
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            inputs = outputs
        self.features = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            nn.Linear(512 * (side // MULTIPLE) ** 2, 1024),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(1024, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Map images [B, 3, side, side] in [0, 1] to logits [B, 1]."""
        logits: Tensor = self.dense(self.features(image).flatten(1))
        return logits


def recognise(tensors: Tensors) -> Size | None:
    """Return the size of the network that tensors look to be of."""
    if not {"dense.0.weight", "features.0.weight"} <= tensors.keys():
        return None
    return {"side": isqrt(tensors["dense.0.weight"].shape[1] // 512) * MULTIPLE}


ENTRY = Entry(SrganDiscriminator, recognise)
