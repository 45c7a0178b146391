"""Perceptual losses on VGG19 features, and the networks that losses look through.

ESRGAN (section 3.3): L1 between features before the activation, conv5_4. SRGAN (equation 5): MSE
between features after it, relu5_4, each divided by 12.75.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from sr_train.compute.device import to_device, wide
from sr_train.networks.dists import Dists
from sr_train.networks.vgg19 import VggFeatures
from sr_train.settings.choices import FeatureLoss
from sr_train.settings.common import TrainingSettings
from sr_train.weights.weights_file import WeightsFile

BANDWIDTH = 0.5
"""h in equation 3."""
TINY = 1e-5
"""epsilon in equation 2."""


def contextual(found: Tensor, target: Tensor) -> Tensor:
    """Return the contextual loss, mean over the batch of -log CX of two feature maps [B, C, h, w].

    Features are compared with the most alike, wherever it is (Mechrez et al. 2018, equations 1 to
    5). Distances are 1 - cosine of features less the target's mean, over the smallest one of a
    position of ``found``. Memory grows with the square of h*w.
    """
    centre = wide(target).mean((0, 2, 3), keepdim=True)
    a, b = (_unit(wide(maps) - centre).flatten(2) for maps in (found, target))
    distance = 1 - a.transpose(1, 2) @ b
    relative = distance / (distance.amin(2, keepdim=True) + TINY)
    likeness = torch.softmax((1 - relative) / BANDWIDTH, dim=2)
    best = likeness.amax(1).mean(1)
    return -(best + TINY).log().mean()


def _unit(maps: Tensor) -> Tensor:
    length: Tensor = maps.square().sum(1, keepdim=True).add(TINY**2).sqrt()
    return maps / length


DISTANCES: dict[FeatureLoss, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": F.l1_loss,
    "mse": F.mse_loss,
    "contextual": contextual,
}
SRGAN_SCALE = 1 / 12.75
"""SRGAN's factor on features (section 3.2), some 0.006 on their squared distance."""


def perceptual(
    vgg: VggFeatures,
    sr: Tensor,
    hr: Tensor,
    layers: Mapping[str, float],
    distance: FeatureLoss = "l1",
    scale: float = 1.0,
) -> Tensor:
    """Return the weighted sum over layers of the distance of scaled features.

    Args:
        vgg: Must return all of ``layers``.
        sr: [B, 3, H, W], RGB in [0, 1], not clamped.
        hr: The same shape; no gradient flows into it.
        layers: Weight of each layer, by name.
        distance: ``l1``, the mean of |a - b|, ``mse``, of (a - b)^2, or ``contextual``.
        scale: Factor on the features.
    """
    with torch.no_grad():
        target = vgg(hr)
    found = vgg(sr)
    between = DISTANCES[distance]
    terms = [
        weight * between(scale * wide(found[name]), scale * wide(target[name]))
        for name, weight in layers.items()
    ]
    return torch.stack(terms).sum()


class FrozenNetworks(NamedTuple):
    """The frozen networks of a run's losses; None where no loss needs one."""

    vgg: VggFeatures | None = None
    dists: Dists | None = None

    def ready(self, settings: TrainingSettings, device: torch.device) -> "FrozenNetworks":
        """Return them on the device; in 16 bits weights of VGG19 are cast once, in a copy."""
        vgg = self.vgg
        if vgg is not None and settings.precision == "bfloat16":
            vgg = copy.deepcopy(vgg)
            vgg.features.to(torch.bfloat16)
        return FrozenNetworks(
            vgg and to_device(vgg, device), self.dists and to_device(self.dists, device)
        )

    def files(self) -> Iterator[tuple[str, tuple[WeightsFile, ...]]]:
        """Yield the files that each was read from, by its name."""
        for name, network in self._asdict().items():
            yield name, network.files if network else ()
