"""The VGG-style discriminator of ESRGAN and of RealSR's DF2K recipe, for 128x128 images."""

from torch import Tensor, nn
from torch.nn import functional as F

from degrade.errors import SettingsError
from sr_train.networks.generator import Entry, Size, Tensors
from sr_train.settings.esrgan import VGG128_CROP as SIDE

CHANNELS = (64, 128, 256, 512, 512)
"""Output channels of each pair of convolutions; the second of a pair halves the sides."""


class Vgg128Discriminator(nn.Module):
    """One logit per 128x128 image, with the published names (conv0_0, bn0_1, ..., linear2).

    Five pairs of a 3x3 convolution and a 4x4 one of stride 2, batch norm after all but the first,
    which alone has a bias; then 4x4x512 values through two dense layers. Torch's default
    initialisation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.arguments: dict[str, int] = {}
        inputs = 3
        for i, outputs in enumerate(CHANNELS):
            self.add_module(f"conv{i}_0", nn.Conv2d(inputs, outputs, 3, 1, 1, bias=i == 0))
            if i:
                self.add_module(f"bn{i}_0", nn.BatchNorm2d(outputs))
            self.add_module(f"conv{i}_1", nn.Conv2d(outputs, outputs, 4, 2, 1, bias=False))
            self.add_module(f"bn{i}_1", nn.BatchNorm2d(outputs))
            inputs = outputs
        self.linear1 = nn.Linear(inputs * (SIDE // 2 ** len(CHANNELS)) ** 2, 100)
        self.linear2 = nn.Linear(100, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map images [B, 3, 128, 128] in [0, 1] to logits [B, 1].

        Raises:
            SettingsError: The images have other sides.
        """
        if image.shape[-2:] != (SIDE, SIDE):
            raise SettingsError(f"discriminator vgg128 takes {SIDE}x{SIDE} crops: set crop: {SIDE}")
        x = image
        for i in range(len(CHANNELS)):
            for part in (0, 1):
                x = self.get_submodule(f"conv{i}_{part}")(x)
                if i or part:
                    x = self.get_submodule(f"bn{i}_{part}")(x)
                x = F.leaky_relu(x, 0.2, inplace=True)
        dense = F.leaky_relu(self.linear1(x.flatten(1)), 0.2, inplace=True)
        logits: Tensor = self.linear2(dense)
        return logits


def recognise(tensors: Tensors) -> Size | None:
    """Return no arguments, as there are none, if tensors look to be of this network."""
    return {} if {"conv4_1.weight", "linear2.weight"} <= tensors.keys() else None


ENTRY = Entry(Vgg128Discriminator, recognise)
