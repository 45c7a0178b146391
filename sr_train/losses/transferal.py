"""TTSR's transferal perceptual loss."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def transferal(features: Sequence[Tensor], textures: Sequence[Tensor]) -> Tensor:
    """Return the mean over levels of the MSE between SR's features and transferred textures.

    Yang et al. 2020, equation 11, at all three levels and with means instead of sums, as the
    released code has it. Gradients flow into both.

    Args:
        features: Of SR, [B, C, H, W] at each level.
        textures: Transferred from the reference, of the same shapes.
    """
    pairs = zip(features, textures, strict=True)
    return torch.stack([F.mse_loss(a.float(), b.float()) for a, b in pairs]).mean()
