"""SRNTT: sizes, swapping and transfer against textbook versions, its two ways to enlarge."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from degrade.errors import SettingsError
from sr_train.compute.device import seeded
from sr_train.networks.generator import resized
from sr_train.networks.vgg19 import random_vgg19
from sr_train.reference.srntt import SRNTT
from tests.sr_train.references import pictures


def small() -> SRNTT:
    with seeded(0):
        network = SRNTT(features=8, content=1, blocks=4)
    network.vgg.start_from(random_vgg19(("relu3_1",), 0))
    network.transfer_textures(True)
    return network.eval()


def conv(inputs: int, outputs: int, side: int = 3, bias: bool = True) -> int:
    return inputs * outputs * side**2 + outputs * bias


def trunk(blocks: int) -> int:
    """Convolutions without biases, each before a batch norm's two vectors."""
    return (2 * blocks + 1) * (conv(64, 64, bias=False) + 2 * 64)


def test_sizes_are_those_of_the_description() -> None:
    network = SRNTT()
    enlargement = conv(64, 256)
    content = conv(3, 64) + trunk(16) + 2 * enlargement + conv(64, 3, side=1)
    joints = [conv(64 + c, 64) + trunk(n) for c, n in ((256, 16), (128, 8), (64, 4))]
    texture = sum(joints) + 2 * enlargement + conv(64, 32) + conv(32, 3, side=1)
    counts = [sum(p.numel() for p in m.parameters()) for m in (network.content, network.texture)]
    assert counts == [content, texture] == [1_518_147, 2_865_347]
    frozen = [p for p in network.vgg.parameters() if p.dim() == 4 and p.shape[2] == 3]
    assert len(frozen) == 5 and not any(p.requires_grad for p in network.vgg.parameters())


def test_initial_weights_are_the_published_draws() -> None:
    with seeded(0):
        network = SRNTT()
    assert network.texture.coarse.conv_head.weight.std().item() == pytest.approx(0.02, rel=0.02)
    gamma = torch.cat([block.bn1.weight for block in network.content.trunk.blocks])
    assert (gamma.mean().item(), gamma.std().item()) == pytest.approx((1, 0.02), rel=0.1)


def textbook_swap(network: SRNTT, lr: Tensor, references: Tensor) -> tuple[list[Tensor], Tensor]:
    """Patch by patch: correlate with unit-norm patches of all references, lay down, count."""
    query = network.vgg(resized(lr, 4))[2][0]
    columns, styles = [], [[], [], []]
    for reference in references[0]:
        blurred = resized(resized(reference[None], 1 / 4), 4)
        columns.append(F.unfold(network.vgg(blurred)[2], 3)[0])
        for level, style in enumerate(network.vgg(reference[None])[::-1]):
            side = 3 * 2**level
            styles[level].append(F.unfold(style, side, stride=2**level)[0])
    keys = F.normalize(torch.cat(columns, dim=1), dim=0)
    height, width = query.shape[1:]
    similarity = torch.zeros(height - 2, width - 2)
    maps = [torch.zeros(c, r * height, r * width) for c, r in ((256, 1), (128, 2), (64, 4))]
    counts = [torch.zeros_like(each) for each in maps]
    for row in range(height - 2):
        for col in range(width - 2):
            patch = query[:, row : row + 3, col : col + 3].flatten()
            best = (patch @ keys).argmax()
            similarity[row, col] = F.normalize(patch, dim=0) @ keys[:, best]
            for r, level, total, count in zip((1, 2, 4), styles, maps, counts, strict=True):
                style = torch.cat(level, dim=1)[:, best].view(-1, 3 * r, 3 * r)
                at = (..., slice(r * row, r * row + 3 * r), slice(r * col, r * col + 3 * r))
                total[at] += style
                count[at] += 1
    edged = F.pad(similarity[None, None], (1, 1, 1, 1), mode="replicate")
    return [total / count for total, count in zip(maps, counts, strict=True)], edged


@pytest.mark.parametrize("count", [1, 2])
def test_swapping_is_the_textbooks(count: int) -> None:
    network = small()
    lr, references = pictures(1, 1, 3, 6, 7), pictures(2, 1, count, 3, 24, 20)
    found = network.swapped(lr, references)
    maps, similarity = textbook_swap(network, lr, references)
    for ours, textbook in zip(found.maps, maps, strict=True):
        torch.testing.assert_close(ours[0], textbook, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.similarity, similarity, atol=1e-5, rtol=1e-4)


def test_a_picture_finds_itself() -> None:
    network = small()
    hr = resized(pictures(3, 1, 3, 8, 8), 4)
    lr = resized(hr, 1 / 4)
    found, own = network.swapped(lr, hr[:, None]), network.own_maps(hr)
    torch.testing.assert_close(found.similarity, own.similarity, atol=1e-5, rtol=0)
    for ours, textbook in zip(found.maps, own.maps, strict=True):
        torch.testing.assert_close(ours, textbook, atol=1e-5, rtol=1e-4)


def textbook_joint(joint: torch.nn.Module, content: Tensor, texture: Tensor) -> Tensor:
    def norm(layer: torch.nn.BatchNorm2d, x: Tensor) -> Tensor:
        scale = layer.weight / (layer.running_var + layer.eps).sqrt()
        shift = layer.bias - layer.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def convolved(layer: torch.nn.Conv2d, x: Tensor) -> Tensor:
        return F.conv2d(x, layer.weight, layer.bias, padding=1)

    x = convolved(joint.conv_head, torch.cat((content, texture), dim=1)).relu()
    for block in joint.trunk.blocks:
        inner = norm(block.bn1, convolved(block.conv1, x)).relu()
        x = x + norm(block.bn2, convolved(block.conv2, inner))
    return content + norm(joint.trunk.bn, convolved(joint.trunk.conv, x))


def test_transfer_at_each_scale_is_the_textbooks() -> None:
    network = small()
    part = network.texture
    assert [len(j.trunk.blocks) for j in (part.coarse, part.middle, part.fine)] == [4, 2, 1]
    content = pictures(1, 1, 8, 5, 6)
    maps = (pictures(2, 1, 256, 5, 6), pictures(3, 1, 128, 10, 12), pictures(4, 1, 64, 20, 24))
    x = textbook_joint(part.coarse, content, maps[0])
    x = F.pixel_shuffle(F.conv2d(x, *part.up_coarse.conv.parameters(), padding=1), 2).relu()
    x = textbook_joint(part.middle, x, maps[1])
    x = F.pixel_shuffle(F.conv2d(x, *part.up_middle.conv.parameters(), padding=1), 2).relu()
    x = textbook_joint(part.fine, x, maps[2])
    x = F.conv2d(x, *part.conv_tail.parameters(), padding=1)
    expected = F.conv2d(x, *part.conv_last.parameters()).tanh() / 2 + 0.5
    torch.testing.assert_close(part(content, maps), expected, atol=1e-5, rtol=1e-4)


def test_without_references_or_trained_textures_it_is_the_content_extractor() -> None:
    network = small()
    lr, references = pictures(1, 2, 3, 6, 6), pictures(2, 2, 1, 3, 24, 24)
    alone = network(lr)
    assert alone.shape == (2, 3, 24, 24)
    torch.testing.assert_close(alone, network.content.picture(network.content(lr)))
    assert not torch.equal(network(lr, references), alone)
    network.transfer_textures(False)
    torch.testing.assert_close(network(lr, references), alone)


def test_a_frozen_content_extractor_keeps_its_statistics() -> None:
    network = small().train()
    assert network.texture.training and not network.content.training
    assert not any(p.requires_grad for p in network.content.parameters())
    before = network.content.trunk.bn.running_mean.clone()
    network(pictures(1, 2, 3, 6, 6), pictures(2, 2, 1, 3, 24, 24))
    assert torch.equal(network.content.trunk.bn.running_mean, before)
    network.transfer_textures(False)
    assert network.content.training and all(p.requires_grad for p in network.content.parameters())


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_blank_reference_gives_numbers(value: float) -> None:
    network = small()
    lr = pictures(1, 1, 3, 6, 6)
    blank = torch.full((1, 1, 3, 16, 16), value)
    for source in (lr, torch.zeros_like(lr)):
        found = network.swapped(source, blank)
        assert all(each.isfinite().all() for each in (*found.maps, found.similarity))
        assert network(source, blank).isfinite().all()


def test_a_reference_smaller_than_a_patch() -> None:
    with pytest.raises(SettingsError, match="2x5 is smaller than a patch of 3; give a larger"):
        small()(pictures(1, 1, 3, 6, 6), pictures(2, 1, 1, 3, 8, 20))
