"""Losses of transferred textures: SRNTT's by Gram matrices, TTSR's transferal perceptual loss."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from sr_train.compute.device import wide
from sr_train.settings.choices import Weighting

RELEASED_SLOPE, RELEASED_OFFSET = -20.0, 0.65
"""The released code's logistic curve of the similarity."""


def texture(
    features: Sequence[Tensor],
    maps: Sequence[Tensor],
    similarity: Tensor,
    weighting: Weighting = "none",
) -> Tensor:
    """Return the mean over layers of mean (G(features) - G(maps))^2 / (4 n^2), n numbers in a map.

    Zhang et al. 2019, equation 7, with the released code's squares and factors. It sees which
    channels fire together over the whole picture, not where.

    Args:
        features: Of SR, [B, C, H, W] at each layer.
        maps: Transferred from the references, of the same shapes.
        similarity: [B, 1, h, w], cosine of each position and its match.
        weighting: What both are multiplied by at each position before the Gram matrix, see
            `position_weights`.
    """
    terms = []
    for found, wanted in zip(features, maps, strict=True):
        weights = position_weights(similarity, (found.shape[2], found.shape[3]), weighting)
        difference = gram(wide(found) * weights) - gram(wide(wanted) * weights)
        terms.append((difference / found[0].numel()).square().mean() / 4)
    return torch.stack(terms).mean()


def position_weights(similarity: Tensor, size: tuple[int, int], weighting: Weighting) -> Tensor:
    """Return the weight of each position, broadcastable to a map of that size.

    ``none``: 1. ``paper``: the similarity, so that textures unlike LR's count less. ``released``:
    sigmoid(-20 s + 0.65) as in the published code, where the most alike count least, and those of
    similarity 1 next to nothing.
    """
    if weighting == "none":
        return similarity.new_ones(1, 1, 1, 1)
    resized = F.interpolate(wide(similarity), size, mode="bicubic", align_corners=False)
    if weighting == "paper":
        return resized
    return torch.sigmoid(RELEASED_SLOPE * resized + RELEASED_OFFSET)


def gram(features: Tensor) -> Tensor:
    """Return the sums over positions of products of channels, [B, C, C], of [B, C, H, W]."""
    rows = features.flatten(2)
    return rows @ rows.transpose(1, 2)


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
