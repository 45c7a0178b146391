"""LPIPS (Zhang et al. 2018), version 0.1, on AlexNet or VGG16 in plain torch."""

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from degrade.errors import WeightsError
from sr_train.parts.digest import file_sha256
from sr_train.tensor_files import list_mismatches, read_tensors

Backbone = Literal["alex", "vgg"]

FILE_NAMES: dict[Backbone, str] = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
}
"""torchvision's files of ImageNet weights."""
TAPS: dict[Backbone, tuple[int, ...]] = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}
"""Indices in torchvision's ``features`` of the ReLUs whose outputs are compared."""
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Subtracted from, and dividing, RGB in [-1, 1]."""
TINY = 1e-10
"""Added to the length of a feature vector before dividing by it."""
SMALLEST_SIDE: dict[Backbone, int] = {"alex": 31, "vgg": 16}
"""Shorter sides leave nothing for the deepest layer."""


@dataclass(frozen=True)
class WeightsFile:
    """Which file weights were read from."""

    path: Path
    sha256: str


class Lpips(nn.Module):
    """Distance of image pairs: squared differences of unit feature vectors, weighted by channel.

    Args:
        backbone: AlexNet ("alex"), or VGG16 ("vgg"); their values are not comparable.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.features = nn.Sequential(*(_alexnet() if backbone == "alex" else _vgg16()))
        channels = _tapped_channels(self.features, TAPS[backbone])
        self.linear = nn.ParameterList(nn.Parameter(torch.empty(1, n, 1, 1)) for n in channels)
        self.register_buffer("shift", torch.tensor(SHIFT).view(3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(3, 1, 1), persistent=False)
        self.files: tuple[WeightsFile, ...] = ()
        self.requires_grad_(False).eval()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return [B] distances of RGB [B, 3, H, W] in [0, 1]; paper, equation 1."""
        pairs = zip(self._unit_features(first), self._unit_features(second), strict=True)
        terms = [
            (weight * (a - b).square()).sum(1).mean((1, 2))
            for weight, (a, b) in zip(self.linear, pairs, strict=True)
        ]
        return torch.stack(terms).sum(0)

    def _unit_features(self, image: Tensor) -> list[Tensor]:
        x = (2 * image - 1 - self.shift) / self.scale
        found = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in TAPS[self.backbone]:
                found.append(x / (x.square().sum(1, keepdim=True).sqrt() + TINY))
        return found


def open_lpips(
    backbone: Backbone, path: Path | None = None, device: str | torch.device = "cpu"
) -> Lpips:
    """Return LPIPS with its published weights; nothing is downloaded.

    Args:
        backbone: "alex" or "vgg".
        path: The backbone's ImageNet weights in torchvision's layout; without it the file is looked
            for where torch.hub keeps downloads (``$TORCH_HOME/hub/checkpoints``).
        device: Where it computes.

    Raises:
        WeightsError: A file is absent, unreadable or of another network, or the package ``lpips``,
            whose linear weights are read, is not installed.
    """
    trunk = path or _cached(backbone)
    linear = linear_weights(backbone)
    network = Lpips(backbone)
    load_backbone(network, trunk)
    load_linear(network, linear)
    network.files = tuple(WeightsFile(file, file_sha256(file)) for file in (trunk, linear))
    return network.to(device)


def linear_weights(backbone: Backbone) -> Path:
    """Return the file of linear weights in the installed package ``lpips``, which is not imported.

    Raises:
        WeightsError: The package is not installed.
    """
    package = importlib.util.find_spec("lpips")
    for folder in (package and package.submodule_search_locations) or ():
        if (path := Path(folder, "weights", "v0.1", f"{backbone}.pth")).is_file():
            return path
    raise WeightsError(
        "LPIPS needs the linear weights of the package lpips: pip install 'degrade[lpips]' "
        "(or pip install --no-deps lpips, as only its files are read)"
    )


def load_backbone(network: Lpips, path: Path) -> None:
    """Copy torchvision's AlexNet or VGG16 weights into the backbone.

    Raises:
        WeightsError: The file is absent, unreadable or of another network.
    """
    # The classifier is in torchvision's file but not in this network.
    found = {
        key.removeprefix("features."): value
        for key, value in read_tensors(path).items()
        if not re.match(r"classifier\.\d+\.(weight|bias)$", key)
    }
    name = {"alex": "AlexNet", "vgg": "VGG16"}[network.backbone]
    _load(network.features, found, path, f"torchvision's {name}")


def load_linear(network: Lpips, path: Path) -> None:
    """Copy the package's linear weights (keys ``lin0.model.1.weight`` ...).

    Raises:
        WeightsError: The file is absent, unreadable or of another network.
    """
    renamed = {
        re.sub(r"^lin(\d)\.model\.1\.weight$", r"\1", key): value
        for key, value in read_tensors(path).items()
    }
    _load(network.linear, renamed, path, f"LPIPS's linear weights for {network.backbone}")


def _load(module: nn.Module, found: Mapping[str, Tensor], path: Path, what: str) -> None:
    if mismatch := list_mismatches(module.state_dict(), found):
        raise WeightsError(f"{path}: not {what}: {mismatch}")
    module.load_state_dict(found)


def _cached(backbone: Backbone) -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / FILE_NAMES[backbone]
    if path.is_file():
        return path
    raise WeightsError(
        f"LPIPS needs ImageNet weights ({path} is not there): give torchvision's "
        f"{FILE_NAMES[backbone]} with --lpips-weights FILE, or score without --lpips"
    )


def _alexnet() -> list[nn.Module]:
    return [
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    ]


def _vgg16() -> list[nn.Module]:
    layers: list[nn.Module] = []
    inputs = 3
    for outputs, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    return layers[:-1]


def _tapped_channels(features: nn.Sequential, taps: tuple[int, ...]) -> list[int]:
    """Return the channels of the convolution before each tapped ReLU."""
    convolutions = [features[tap - 1] for tap in taps]
    return [layer.out_channels for layer in convolutions if isinstance(layer, nn.Conv2d)]
