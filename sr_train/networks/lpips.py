"""LPIPS (Zhang et al. 2018), version 0.1, and ST-LPIPS, on AlexNet or VGG16 in plain torch."""

import importlib.util
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from degrade.errors import WeightsError
from sr_train.networks import shift_tolerant
from sr_train.networks.shift_tolerant import Trunk
from sr_train.networks.vgg19 import vgg_stack
from sr_train.weights.tensor_files import list_mismatches, read_tensors
from sr_train.weights.weights_file import WeightsFile, weights_file

Plain = Literal["alex", "vgg"]
Backbone = Plain | Trunk

FILE_NAMES: dict[Plain, str] = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
}
"""torchvision's files of ImageNet weights."""
TAPS: dict[Backbone, tuple[int, ...]] = {
    "alex": (1, 4, 7, 9, 11),
    "vgg": (3, 8, 15, 22, 29),
    "st-alex": shift_tolerant.TAPS["st-alex"],
    "st-vgg": shift_tolerant.TAPS["st-vgg"],
}
"""Indices of the ReLUs whose outputs are compared, for the plain ones in torchvision's
``features``."""
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Subtracted from, and dividing, RGB in [-1, 1]."""
TINY = 1e-10
"""Added to the length of a feature vector before dividing by it."""
SMALLEST_SIDE: dict[Backbone, int] = {"alex": 31, "vgg": 16, "st-alex": 21, "st-vgg": 18}
"""Shorter sides leave nothing for the deepest layer."""


class Lpips(nn.Module):
    """Distance of image pairs: squared differences of unit feature vectors, weighted by channel.

    Args:
        backbone: AlexNet ("alex") or VGG16 ("vgg"), or their shift-tolerant variants of ST-LPIPS
            ("st-alex", "st-vgg"); their values are not comparable.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.features = _TRUNKS[backbone]()
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
    """Return LPIPS or ST-LPIPS with its published weights; nothing is downloaded.

    Args:
        backbone: "alex" or "vgg"; or "st-alex" or "st-vgg", all of whose weights the package
            ``stlpips-pytorch`` brings along.
        path: The plain backbone's ImageNet weights in torchvision's layout; without it the file is
            looked for where torch.hub keeps downloads (``$TORCH_HOME/hub/checkpoints``).
        device: Where it computes.

    Raises:
        WeightsError: A file is absent, unreadable or of another network, or the package ``lpips``,
            whose linear weights are read, or ``stlpips-pytorch`` is not installed.
    """
    network = Lpips(backbone)
    files: tuple[Path, ...]
    if backbone == "st-alex" or backbone == "st-vgg":
        if path is not None:
            raise WeightsError(
                f"{path}: {backbone} has all its weights from stlpips-pytorch: leave "
                "--lpips-weights out"
            )
        file = shift_tolerant.shift_tolerant_file(backbone)
        trunk, rows = shift_tolerant.read_trunk(file)
        _load(network.features, trunk, file, f"ST-LPIPS's {backbone}")
        _load(network.linear, rows, file, f"ST-LPIPS's linear weights for {backbone}")
        files = (file,)
    else:
        plain, linear = path or _cached(backbone), linear_weights(backbone)
        load_backbone(network, plain)
        load_linear(network, linear)
        files = (plain, linear)
    network.files = tuple(weights_file(file) for file in files)
    return network.to(device)


def linear_weights(backbone: Plain) -> Path:
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
    name = "AlexNet" if network.backbone == "alex" else "VGG16"
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


def _cached(backbone: Plain) -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / FILE_NAMES[backbone]
    if path.is_file():
        return path
    raise WeightsError(
        f"LPIPS needs ImageNet weights ({path} is not there): give torchvision's "
        f"{FILE_NAMES[backbone]} with --lpips-weights FILE, or take --lpips st-{backbone}, whose "
        "weights 'degrade[stlpips]' installs"
    )


def _alexnet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        *shift_tolerant.alexnet_top(),
    )


def _vgg16() -> nn.Sequential:
    return nn.Sequential(*vgg_stack(16)[:-1])


_TRUNKS: dict[Backbone, Callable[[], nn.Sequential]] = {
    "alex": _alexnet,
    "vgg": _vgg16,
    "st-alex": shift_tolerant.TRUNKS["st-alex"],
    "st-vgg": shift_tolerant.TRUNKS["st-vgg"],
}


def _tapped_channels(features: nn.Sequential, taps: tuple[int, ...]) -> list[int]:
    """Return the channels that each tapped ReLU has, those of the convolution before it."""
    found, channels = [], 3
    for index, layer in enumerate(features):
        channels = layer.out_channels if isinstance(layer, nn.Conv2d) else channels
        found += [channels] if index in taps else []
    return found
