"""Perceptual loss on VGG19 features (ESRGAN, section 3.3: before the activation, L1)."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from sr_train.networks.vgg19 import VGG19Features


def perceptual(vgg: VGG19Features, sr: Tensor, hr: Tensor, layers: Mapping[str, float]) -> Tensor:
    """Return the weighted sum over layers of mean |phi(SR) - phi(HR)|.

    Args:
        vgg: Must return all of ``layers``.
        sr: [B, 3, H, W], RGB in [0, 1], not clamped.
        hr: The same shape; no gradient flows into it.
        layers: Weight of each layer, by name.
    """
    with torch.no_grad():
        target = vgg(hr)
    found = vgg(sr)
    terms = [weight * F.l1_loss(found[name], target[name]) for name, weight in layers.items()]
    return torch.stack(terms).sum()
