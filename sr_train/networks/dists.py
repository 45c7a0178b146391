"""DISTS (Ding et al. 2020): structure and texture of VGG16's features, in plain torch."""

import importlib.util
import re
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from degrade.errors import WeightsError
from sr_train.networks.lpips import FILE_NAMES
from sr_train.networks.vgg19 import MEAN, STD, vgg_stack
from sr_train.weights.tensor_files import list_mismatches, read_tensors
from sr_train.weights.weights_file import WeightsFile, weights_file

CHANNELS = (3, 64, 128, 256, 512, 512)
"""Channels of the picture itself and of the last feature maps of VGG16's blocks."""
TINY = 1e-6
"""Keeps both ratios defined for flat maps (c1 and c2)."""
SMALL = 1e-12
"""Added to a mean of squares before its root is taken."""


class HalvedByEnergy(nn.Module):
    """L2 pooling: root of the squares, filtered with [1, 2, 1]/4 both ways, at every second pixel.

    Ding et al. 2020, equation 2; [B, C, H, W] becomes [B, C, ceil(H/2), ceil(W/2)].
    """

    taps: Tensor

    def __init__(self) -> None:
        super().__init__()
        row = torch.tensor((1.0, 2.0, 1.0)) / 4
        self.register_buffer("taps", torch.outer(row, row)[None, None], persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps at half the size."""
        channels = maps.shape[1]
        kernel = self.taps.to(maps.dtype).expand(channels, 1, 3, 3)
        squares = F.conv2d(maps.square(), kernel, stride=2, padding=1, groups=channels)
        return (squares + SMALL).sqrt()


class Dists(nn.Module):
    """Distance of image pairs, 0 for equal ones.

    With means m, variances v and covariance c of each channel over the picture, 1 - sum over
    channels of alpha (2 m_x m_y + c1)/(m_x^2 + m_y^2 + c1) + beta (2 c + c2)/(v_x + v_y + c2);
    equations 3 to 6. The weights alpha and beta sum to 1.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers = [
            HalvedByEnergy() if isinstance(layer, nn.MaxPool2d) else layer
            for layer in vgg_stack(16)[:-1]
        ]
        self.features = nn.Sequential(*layers)
        self.alpha = nn.Parameter(torch.full((sum(CHANNELS),), 1 / (2 * sum(CHANNELS))))
        self.beta = nn.Parameter(self.alpha.detach().clone())
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)
        self.files: tuple[WeightsFile, ...] = ()
        self.requires_grad_(False).eval()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return [B] distances of RGB [B, 3, H, W] in [0, 1]; gradients flow into both."""
        total = (self.alpha + self.beta).sum()
        alphas, betas = (torch.split(each, list(CHANNELS)) for each in (self.alpha, self.beta))
        alike = torch.zeros(len(first), device=first.device)
        for alpha, beta, x, y in zip(
            alphas, betas, self._maps(first), self._maps(second), strict=True
        ):
            m_x, m_y = x.mean((2, 3)), y.mean((2, 3))
            v_x, v_y = x.var((2, 3), correction=0), y.var((2, 3), correction=0)
            covariance = (x * y).mean((2, 3)) - m_x * m_y
            texture = (2 * m_x * m_y + TINY) / (m_x.square() + m_y.square() + TINY)
            structure = (2 * covariance + TINY) / (v_x + v_y + TINY)
            alike = alike + (alpha * texture + beta * structure).sum(1)
        return 1 - alike / total

    def _maps(self, image: Tensor) -> list[Tensor]:
        """Return the picture and the last maps of each block, in 32 bits."""
        x = (image - self.mean) / self.std
        found = [image.float()]
        for layer in self.features:
            if isinstance(layer, HalvedByEnergy):
                found.append(x.float())
            x = layer(x)
        return [*found, x.float()]


def open_dists(path: Path | None = None, device: str | torch.device = "cpu") -> Dists:
    """Return DISTS with its published weights; nothing is downloaded.

    Args:
        path: VGG16's ImageNet weights in torchvision's layout; without it the file is looked for
            where torch.hub keeps downloads (``$TORCH_HOME/hub/checkpoints``).
        device: Where it computes.

    Raises:
        WeightsError: A file is absent, unreadable or of another network, or the package
            ``torchmetrics``, whose alpha and beta are read, is not installed.
    """
    trunk = path or _cached()
    if path is None and not trunk.is_file():
        raise dists_missing()
    network, channels = Dists(), channel_weights()
    kept = {
        key: value
        for key, value in read_tensors(trunk).items()
        if not re.match(r"classifier\.\d+\.(weight|bias)$", key)
    }
    found = kept | {key: value.flatten() for key, value in read_tensors(channels).items()}
    if mismatch := list_mismatches(network.state_dict(), found):
        raise WeightsError(f"{trunk}: not torchvision's VGG16: {mismatch}")
    network.load_state_dict(found)
    network.files = (weights_file(trunk), weights_file(channels))
    return network.to(device)


def dists_missing() -> WeightsError:
    """Return what is said where VGG16's weights are not at hand."""
    return WeightsError(
        f"DISTS needs ImageNet weights ({_cached()} is not there): give torchvision's "
        f"{FILE_NAMES['vgg']} with --dists-weights FILE"
    )


def _cached() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / FILE_NAMES["vgg"]


def channel_weights() -> Path:
    """Return the file of alpha and beta in the package ``torchmetrics``, which is not imported.

    Raises:
        WeightsError: The package is not installed.
    """
    package = importlib.util.find_spec("torchmetrics")
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder, "functional", "image", "dists_models", "weights.pt")
        if path.is_file():
            return path
    raise WeightsError(
        "DISTS needs the channels' weights of the package torchmetrics 1.8 or newer: pip install "
        "'degrade[dists]' (or pip install --no-deps torchmetrics, as only its file is read)"
    )
