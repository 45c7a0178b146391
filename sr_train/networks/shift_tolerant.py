"""AlexNet and VGG16 that shifts hardly change, and the weights that the wheel of ST-LPIPS holds.

Ghildyal and Liu 2022, *Shift-tolerant Perceptual Similarity Metric*: poolings keep every pixel and
a binomial filter halves (Zhang 2019), and AlexNet's first convolution has stride 1. The package
``stlpips-pytorch`` is not imported, its files are read.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from degrade.errors import WeightsError
from sr_train.networks.vgg19 import SIZES, VggFeatures, feature_index
from sr_train.weights.published import located
from sr_train.weights.tensor_files import Tensors, list_mismatches, read_tensors
from sr_train.weights.weights_file import WeightsFile, weights_file

Trunk = Literal["st-alex", "st-vgg"]

NAMES: dict[Trunk, Path] = {"st-alex": Path("stlpips-alex"), "st-vgg": Path("stlpips-vgg16")}
"""What `weights.published` calls their files."""
TAPS: dict[Trunk, tuple[int, ...]] = {"st-alex": (2, 6, 10, 12, 14), "st-vgg": (3, 9, 17, 25, 33)}
"""Indices of the ReLUs whose outputs are compared."""
BINOMIAL = (1.0, 2.0, 1.0)
SPREAD = 2
"""Pixels of reflection around what is filtered; one more than the filter needs."""


class BlurPool(nn.Module):
    """Filters each channel with [1, 2, 1]/4 both ways and keeps every second pixel.

    [B, C, H, W] becomes [B, C, (H + 1) // 2 + 1, (W + 1) // 2 + 1].
    """

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.tensor(BINOMIAL)
        filt = torch.outer(taps, taps) / taps.sum() ** 2
        self.register_buffer("filt", filt.repeat(channels, 1, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps at half the size."""
        padded = F.pad(maps, (SPREAD,) * 4, mode="reflect")
        return F.conv2d(padded, self.filt.to(maps.dtype), stride=2, groups=maps.shape[1])


def alexnet() -> nn.Sequential:
    """Return shift-tolerant AlexNet up to its last ReLU."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, padding=2),
        BlurPool(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 1),
        BlurPool(64),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 1),
        BlurPool(192),
        *alexnet_top(),
    )


def alexnet_top() -> tuple[nn.Module, ...]:
    """Return AlexNet's last three convolutions, which plain and shift-tolerant ones share."""
    return (
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    )


def vgg16() -> nn.Sequential:
    """Return shift-tolerant VGG16 up to its last ReLU."""
    layers: list[nn.Module] = []
    inputs = 3
    for number, block in enumerate(SIZES[16]):
        if number:
            layers += [nn.MaxPool2d(2, 1), BlurPool(inputs)]
        for outputs in block:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
    return nn.Sequential(*layers)


TRUNKS: dict[Trunk, Callable[[], nn.Sequential]] = {"st-alex": alexnet, "st-vgg": vgg16}


def shift_tolerant_file(trunk: Trunk) -> Path:
    """Return the file of the wheel with the weights of a trunk and of ST-LPIPS on it.

    Raises:
        WeightsError: The package is not installed, or its file is another than is known.
    """
    return located(NAMES[trunk])


def read_trunk(path: Path) -> tuple[Tensors, Tensors]:
    """Return the tensors of the trunk, by index and name, and ST-LPIPS's linear ones, by index.

    Raises:
        WeightsError: The file is unreadable.
    """
    found = read_tensors(path)
    trunk = {
        re.sub(r"^net\.slice\d\.", "", key): value
        for key, value in found.items()
        if not key.startswith(("lin", "scaling_layer."))
    }
    linear = {
        re.sub(r"^lin(\d)\.model\.1\.weight$", r"\1", key): value
        for key, value in found.items()
        if key.startswith("lin")
    }
    return trunk, linear


class ShiftTolerantVgg16(VggFeatures):
    """Features of shift-tolerant VGG16 with ST-LPIPS's weights, after ImageNet's normalisation.

    Args:
        layers: Names such as ``conv5_3`` (before ReLU) or ``relu5_3``.
        file: As the wheel has it.

    Raises:
        WeightsError: The file is unreadable or of another network, or there is no such layer.
    """

    def __init__(self, layers: Sequence[str], file: WeightsFile) -> None:
        stack = vgg16()
        trunk, _ = read_trunk(file.path)
        if mismatch := list_mismatches(stack.state_dict(), trunk):
            raise WeightsError(f"{file.path}: not ST-LPIPS's VGG16: {mismatch}")
        stack.load_state_dict(trunk)
        try:
            names = {feature_index(name, 16, pooling=2): name for name in layers}
        except ValueError as error:
            raise WeightsError(
                f"stlpips-vgg16: {error}: name others with --set "
                "'perceptual_layers={conv5_3: 1.0}'"
            ) from error
        # LPIPS's normalisation of RGB in [-1, 1] is ImageNet's of RGB in [0, 1].
        super().__init__(list(stack), names, (file,))


def open_shift_tolerant_vgg16(layers: Sequence[str]) -> ShiftTolerantVgg16:
    """Return the features that ``--vgg-weights stlpips-vgg16`` stands for.

    Raises:
        WeightsError: The package is not installed, or VGG16 has no such layer.
    """
    return ShiftTolerantVgg16(layers, weights_file(shift_tolerant_file("st-vgg")))
