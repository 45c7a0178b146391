"""TTSR: the published sizes and names, and the transformer against a textbook version."""

import pytest
import torch
import torch.nn.functional as F

from sr_train.compute.device import seeded
from sr_train.networks.generator import resized
from sr_train.reference.ttsr import TTSR
from tests.sr_train.references import pictures


def small() -> TTSR:
    with seeded(0):
        return TTSR(features=8, shallow=1, first=1, second=1, third=1).eval()


def test_sizes_and_names_are_the_published_ones() -> None:
    network = TTSR()
    assert sum(p.numel() for p in network.MainNet.parameters()) == 6_174_275
    trained = [p for p in network.LTE.parameters() if p.requires_grad]
    assert sum(p.numel() for p in trained) == 555_328
    names = set(network.state_dict())
    assert {name.split(".")[0] for name in names} == {"MainNet", "LTE"}
    extractor = {f"LTE.{n}" for n in ("slice1.0", "slice2.2", "slice2.5", "slice3.7", "slice3.10")}
    wanted = {*extractor, "LTE.sub_mean", "MainNet.SFE.conv_head", "MainNet.SFE.RBs.15.conv2"}
    wanted |= {f"MainNet.merge_tail.{n}" for n in ("conv13", "conv23", "conv_merge", "conv_tail1")}
    wanted |= {"MainNet.ex12.conv_merge2", "MainNet.ex123.conv31_2", "MainNet.RB33.3.conv1"}
    assert {f"{name}.weight" for name in wanted} | {f"{name}.bias" for name in wanted} <= names
    assert all(name.rsplit(".", 1)[1] in ("weight", "bias") for name in names)


def test_the_transformer_is_the_textbooks() -> None:
    """Relevance, soft and hard attention by unfolding, as equations 2 to 5 read."""
    network = small()
    lr, reference = pictures(1, 2, 3, 8, 10), pictures(2, 2, 1, 3, 40, 24)
    found = network.textures(lr, reference)
    query = network.LTE(resized(lr, 4))[2]
    key = network.LTE(resized(resized(reference[:, 0], 0.25), 4))[2]
    unfolded = [F.normalize(F.unfold(x, 3, padding=1), dim=1) for x in (query, key)]
    soft, hard = (unfolded[1].transpose(1, 2) @ unfolded[0]).max(dim=1)
    torch.testing.assert_close(found.soft.flatten(1), soft, rtol=0, atol=1e-5)
    for value, ratio, ours in zip(
        network.LTE(reference[:, 0])[::-1], (1, 2, 4), found.maps, strict=True
    ):
        columns = F.unfold(value, 3 * ratio, padding=ratio, stride=ratio)
        chosen = columns.gather(2, hard[:, None].expand(-1, columns.shape[1], -1))
        size = (8 * ratio, 10 * ratio)
        folded = F.fold(chosen, size, 3 * ratio, padding=ratio, stride=ratio) / 9
        torch.testing.assert_close(ours, folded, rtol=0, atol=1e-5)


def test_several_references_are_one_stacked_picture() -> None:
    network = small()
    lr, references = pictures(1, 1, 3, 8, 8), pictures(2, 1, 2, 3, 16, 20)
    stacked = torch.cat(list(references.unbind(dim=1)), dim=2)[:, None]
    torch.testing.assert_close(network(lr, references), network(lr, stacked))


def test_references_matter_and_can_be_left_out() -> None:
    network = small()
    lr = pictures(1, 1, 3, 8, 8)
    outputs = [network(lr), network(lr, pictures(2, 1, 1, 3, 32, 32))]
    assert all(each.shape == (1, 3, 32, 32) for each in outputs)
    assert not torch.equal(*outputs)
    assert all((each >= 0).all() and (each <= 1).all() for each in outputs)


def test_gradients_reach_the_extractor_but_not_through_the_frozen_one() -> None:
    network = small()
    sr = network(pictures(1, 1, 3, 8, 8), pictures(2, 1, 1, 3, 32, 32))
    network.zero_grad()
    sum(f.sum() for f in network.frozen_features(sr.detach())).sum()
    assert all(p.grad is None for p in network.LTE.parameters())
    sr.sum().backward()
    assert all(p.grad is not None for p in network.LTE.slice3.parameters())
    assert network.LTE.sub_mean.weight.grad is None


@pytest.mark.parametrize("height", [8, 40, 52, 100])
def test_bands_give_the_features_of_the_whole(height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sr_train.reference.ttsr.BAND", 20)
    network, image = small(), torch.rand(2, 3, height, 24)
    with torch.no_grad():
        found = network._features(image, (0, 1, 2))
        for level, whole in zip(found, network.LTE(image), strict=True):
            torch.testing.assert_close(level, whole, atol=1e-6, rtol=1e-5)


def test_without_gradients_sr_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sr_train.reference.ttsr.BAND", 16)
    network, lr, references = small(), torch.rand(1, 3, 8, 10), torch.rand(1, 2, 3, 36, 24)
    with_gradients = network(lr, references)
    with torch.inference_mode():
        torch.testing.assert_close(network(lr, references), with_gradients, atol=1e-6, rtol=1e-5)
