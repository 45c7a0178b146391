"""VGG19 with seeded random weights whose features tell patches apart."""

import torch
from torch import Tensor, nn

from sr_train.networks.vgg19 import VGG19Features, random_vgg19

THRESHOLD = 1.0
"""Standard deviations that a channel of relu3_1 must exceed its mean by to respond."""


@torch.no_grad()
def calibrated_vgg19(pictures: Tensor, seed: int) -> VGG19Features:
    """Return random VGG19 up to relu3_1, its convolutions scaled and shifted on some pictures.

    Plain random weights answer everything alike: matched patches of related and of unrelated
    pictures have cosines of 0.99 and 0.89, and no attention can tell them apart. Here each channel
    has variance 1 over the pictures and responds above its mean alone, those of the layer that is
    matched only where they stand out, as trained features do: cosines of 0.93 and 0.26.

    Args:
        pictures: [B, 3, h, w] in [0, 1].
        seed: Of the weights.
    """
    vgg = random_vgg19(("relu3_1",), seed)
    convolutions = [layer for layer in vgg.features if isinstance(layer, nn.Conv2d)]
    x = (pictures - vgg.mean) / vgg.std
    for layer in vgg.features:
        if isinstance(layer, nn.Conv2d):
            deviation, mean = torch.std_mean(layer(x), dim=(0, 2, 3))
            layer.weight /= deviation.view(-1, 1, 1, 1)
            assert layer.bias is not None
            layer.bias.copy_(-mean / deviation - THRESHOLD * (layer is convolutions[-1]))
        x = layer(x)
    return vgg
