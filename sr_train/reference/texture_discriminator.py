"""The critic that SRNTT and TTSR are trained against: convolutions to 1/32, two dense layers."""

from itertools import pairwise

from torch import Tensor, nn

from degrade.errors import SettingsError
from sr_train.networks.generator import Entry, Size, Tensors

CHANNELS = (32, 64, 128, 256, 512)
"""Channels of the five pairs of convolutions; the second of each pair halves the size."""
REDUCTION = 2 ** len(CHANNELS)
HIDDEN = 1024


class TextureDiscriminator(nn.Module):
    """SRNTT's discriminator with batch norm, TTSR's without (there the convolutions have biases).

    Args:
        crop: Side of the pictures it takes, a multiple of 32.
        norm: 1 with batch norm, 0 without.
    """

    def __init__(self, crop: int = 160, norm: int = 0) -> None:
        super().__init__()
        if crop < REDUCTION or crop % REDUCTION:
            raise SettingsError(
                f"crop is {crop}: the discriminator takes multiples of {REDUCTION}; set crop to "
                f"{max(REDUCTION, crop - crop % REDUCTION)}"
            )
        self.arguments = {"crop": crop, "norm": norm}
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((3, *CHANNELS)):
            layers += _layer(inputs, outputs, 1, norm) + _layer(outputs, outputs, 2, norm)
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(CHANNELS[-1] * (crop // REDUCTION) ** 2, HIDDEN),
            nn.LeakyReLU(0.2),
            nn.Linear(HIDDEN, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Map RGB [B, 3, crop, crop] in [-1, 1] to values [B, 1]."""
        value: Tensor = self.classifier(self.features(image).flatten(1))
        return value


def _layer(inputs: int, outputs: int, stride: int, norm: int) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=not norm)
    middle = [nn.BatchNorm2d(outputs)] if norm else []
    return [convolution, *middle, nn.LeakyReLU(0.2)]


def recognise(tensors: Tensors) -> Size | None:
    """Return None: only its own file's metadata identify this network."""
    return None


ENTRY = Entry(TextureDiscriminator, recognise)
