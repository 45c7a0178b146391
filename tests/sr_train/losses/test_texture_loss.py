"""SRNTT's texture loss against sums written out, with each weighting."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sr_train.losses.texture import gram, position_weights, texture

SIZES = ((256, 3, 4), (128, 6, 8), (64, 12, 16))
"""Channels and size of relu3_1, relu2_1 and relu1_1 for LR of 3x4."""


def maps(seed: int) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.rand(2, *size, generator=random) for size in SIZES]


def textbook(features: list[Tensor], targets: list[Tensor], weights: list[Tensor]) -> float:
    """Sums over samples and pairs of channels; 256, 512 and 1024 are the released code's."""
    total = 0.0
    rows = zip(features, targets, weights, (256, 512, 1024), strict=True)
    for found, wanted, weight, factor in rows:
        a, b = (torch.einsum("bihw,bjhw->bij", x * weight, x * weight) for x in (found, wanted))
        total += ((a - b) ** 2).mean().item() / 4 / (3 * 4 * factor) ** 2
    return total / 3


def test_gram_is_the_sum_of_products() -> None:
    features = torch.rand(2, 3, 4, 5)
    expected = (features[1, 0] * features[1, 2]).sum()
    torch.testing.assert_close(gram(features)[1, 0, 2], expected)


@pytest.mark.parametrize("weighting", ["none", "paper", "released"])
def test_loss_is_the_textbooks(weighting: str) -> None:
    features, targets = maps(1), maps(2)
    similarity = torch.rand(2, 1, 3, 4, generator=torch.Generator().manual_seed(3))
    resized = [F.interpolate(similarity, size[1:], mode="bicubic") for size in SIZES]
    weights = {
        "none": [torch.ones_like(w) for w in resized],
        "paper": resized,
        "released": [1 / (1 + (20 * w - 0.65).exp()) for w in resized],
    }[weighting]
    found = texture(features, targets, similarity, weighting)
    assert found.item() == pytest.approx(textbook(features, targets, weights), rel=1e-4)
    assert texture(targets, targets, similarity, weighting).item() == 0


def test_the_two_weightings_slope_against_each_other() -> None:
    low, high = (torch.full((1, 1, 2, 2), value) for value in (0.2, 0.9))
    weights = {
        name: [position_weights(s, (4, 4), name).mean().item() for s in (low, high)]
        for name in ("paper", "released")
    }
    assert weights["paper"] == pytest.approx([0.2, 0.9])
    assert weights["released"] == pytest.approx(
        [1 / (1 + math.exp(20 * s - 0.65)) for s in (0.2, 0.9)]
    )
    assert weights["paper"][0] < weights["paper"][1]
    assert weights["released"][0] > weights["released"][1]


def test_it_moves_features_and_not_the_maps() -> None:
    features, targets = [m.requires_grad_() for m in maps(1)], maps(2)
    texture(features, targets, torch.ones(2, 1, 3, 4)).backward()
    assert all(m.grad.abs().sum() > 0 for m in features)


def test_where_a_texture_lies_does_not_matter() -> None:
    features, targets = maps(1), [m.flip(2, 3) for m in maps(1)]
    loss = texture(features, targets, torch.ones(2, 1, 3, 4))
    assert loss.item() == pytest.approx(0, abs=1e-9)
