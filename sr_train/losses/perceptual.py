"""Perceptual losses on VGG19 features.

ESRGAN (section 3.3): L1 between features before the activation, conv5_4. SRGAN (equation 5): MSE
between features after it, relu5_4, each divided by 12.75.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from sr_train.choices import FeatureLoss
from sr_train.losses.contextual import contextual
from sr_train.networks.vgg19 import VggFeatures
from sr_train.parts.device import wide

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
