"""The 70x70 patch discriminator of RealSR's DPED recipe (Isola et al. 2017, section 3.2.2)."""

from torch import Tensor, nn

from sr_train.networks.generator import Entry, Size, Tensors


class PatchDiscriminator(nn.Module):
    """Logits on overlapping 70x70 patches: 128x128 in, 14x14 out; keys ``model.N`` as published.

    Three convolutions of stride 2 and two of stride 1, all 4x4 with padding 1; batch norm after the
    second to fourth, which therefore have no bias; torch's default initialisation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.arguments: dict[str, int] = {}
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        for inputs, outputs, stride in ((64, 128, 2), (128, 256, 2), (256, 512, 1)):
            layers += [
                nn.Conv2d(inputs, outputs, 4, stride, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.model = nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Map images [B, 3, H, W] in [0, 1] to logits [B, 1, H/8 - 2, W/8 - 2]."""
        logits: Tensor = self.model(image)
        return logits


def recognise(tensors: Tensors) -> Size | None:
    """Return no arguments, as there are none, if tensors look to be of this network."""
    return {} if {"model.11.weight", "model.9.running_mean"} <= tensors.keys() else None


ENTRY = Entry(PatchDiscriminator, recognise)
