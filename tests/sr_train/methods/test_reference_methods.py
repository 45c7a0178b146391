"""SRNTT and TTSR alike: the last stage against a textbook, runs resumed to the bit, refusals."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from degrade.errors import SettingsError, WeightsError
from degrade.yaml_settings import validated
from sr_train.data.batch import Batch
from sr_train.losses.texture import texture
from sr_train.network_files import load_network
from sr_train.networks.vgg19 import random_vgg19
from sr_train.reference.srntt import SRNTT
from sr_train.settings import METHODS
from tests.sr_train.methods.processors import FAST_BFLOAT16
from tests.sr_train.references import NETWORKS, a_batch, made_stage, settings

pytestmark = pytest.mark.usefixtures("narrow_critic")

NO_PERCEPTUAL = {"loss": {"perceptual": 0.0}}


TERMS = {"srntt": "texture", "ttsr": "transferal"}
"""What each calls the loss of SR's features beside the transferred textures."""


@pytest.mark.parametrize("name", NETWORKS)
def test_only_x4(name: str) -> None:
    text = f"scale is 2: {name.upper()} is built for x4; build x4 pairs"
    with pytest.raises(SettingsError, match=text):
        NETWORKS[name](scale=2)


@pytest.mark.parametrize("name", NETWORKS)
def test_textures_are_features_of_the_given_vgg19(name: str) -> None:
    _, generator, _ = made_stage(settings(name), "reconstruction")
    image = torch.rand(1, 3, 16, 16)
    levels = generator.LTE(image) if name == "ttsr" else generator.features(image)[::-1]
    expected = random_vgg19(("relu1_1", "relu2_1", "relu3_1"), 0)(image)
    for level, layer in zip(levels, ("relu1_1", "relu2_1", "relu3_1"), strict=True):
        torch.testing.assert_close(level, expected[layer], atol=1e-5, rtol=1e-4)


def textbook(network: Any, batch: Batch, weighting: str, of: slice) -> tuple[Tensor, Tensor]:
    """Return SR and the loss of its features beside the textures, for some of a batch's pictures.

    Features are those of a network that learns nothing from them.
    """
    if isinstance(network, SRNTT):
        found = network.swapped(batch.lr, batch.references)
        sr = network.enlarge(batch.lr, found)
        layers = random_vgg19(("relu1_1", "relu2_1", "relu3_1"), 0)(sr)
        own = [layers[name][of] for name in ("relu3_1", "relu2_1", "relu1_1")]
        maps = [each[of] for each in found.maps]
        return sr, texture(own, maps, found.similarity[of], weighting)
    textures = network.textures(batch.lr, batch.references)
    sr = (network.MainNet(batch.lr * 2 - 1, textures) + 1) / 2
    frozen = copy.deepcopy(network.LTE).requires_grad_(False)
    levels = zip(frozen(sr), textures.maps[::-1], strict=True)
    return sr, torch.stack([F.mse_loss(a[of], b[of]) for a, b in levels]).mean()


@pytest.mark.parametrize(
    ("name", "weighting"),
    [*(("srntt", weighting) for weighting in ("none", "paper", "released")), ("ttsr", "")],
)
def test_the_last_stage_is_the_textbooks_weighted_sum(name: str, weighting: str) -> None:
    loss = {"perceptual": 0.3, TERMS[name]: 0.2, "adversarial": 0.1}
    fields = {"truth": False, "texture_weighting": weighting} if weighting else {}
    chosen = settings(name, loss=loss, **fields)
    stage, generator, vgg = made_stage(chosen, "all")
    critic = stage.networks["discriminator"]
    batch, twin = a_batch(name), copy.deepcopy(generator)
    found = stage.step(batch)
    sr, textures = textbook(twin, batch, weighting, slice(None))
    expected = {
        "reconstruction": (2 * (sr - batch.hr)).abs().mean(),
        "perceptual": F.mse_loss(vgg(sr)["relu5_1"], vgg(batch.hr)["relu5_1"]),
        TERMS[name]: textures,
        # The critic has taken its steps by then, and none after.
        "adversarial": -critic(2 * sr - 1).mean(),
    }
    near, gradients = {
        "srntt": (1e-3, {"rtol": 5e-3, "atol": 1e-5}),
        "ttsr": (1e-4, {"rtol": 2e-3, "atol": 1e-6}),
    }[name]
    for term, value in expected.items():
        assert found[term].item() == pytest.approx(value.item(), rel=near, abs=1e-6), term
    weights = chosen.loss.model_dump()
    sum(weights[term] * value for term, value in expected.items()).backward()
    for ours, theirs in zip(generator.parameters(), twin.parameters(), strict=True):
        assert ours.requires_grad == theirs.requires_grad
        if theirs.requires_grad:
            torch.testing.assert_close(ours.grad, theirs.grad, **gradients)


@pytest.mark.parametrize(("name", "fields"), [("srntt", {"truth": False}), ("ttsr", {})])
def test_textures_of_unrelated_references_are_not_learnt(name: str, fields: dict[str, Any]) -> None:
    chosen = settings(name, loss={"perceptual": 0.0, "adversarial": 0.0}, **fields)
    stage, generator, _ = made_stage(chosen, "all")
    batch = replace(a_batch(name), related=torch.tensor([False, True]))
    _, related = textbook(copy.deepcopy(generator), batch, "none", slice(1, None))
    found = stage.step(batch)[TERMS[name]].item()
    assert found == pytest.approx(related.item() / 2, rel=1e-4 if name == "ttsr" else 1e-3)
    none = replace(batch, related=torch.tensor([False, False]))
    assert stage.step(none)[TERMS[name]].item() == 0
    assert all(weight.isfinite().all() for weight in generator.parameters())


@pytest.mark.parametrize(
    ("name", "steps", "last", "fields"),
    [
        ("srntt", (1, 2, 1), 2, {"ema": 0.5, **NO_PERCEPTUAL}),
        ("ttsr", (1, 2), 2, {}),
        pytest.param(
            *("srntt", (1, 1, 2), 3, {"precision": "bfloat16", "ema": 0.5, **NO_PERCEPTUAL}),
            marks=FAST_BFLOAT16,
        ),
        pytest.param(
            *("ttsr", (1, 2), 2, {"precision": "bfloat16", **NO_PERCEPTUAL}), marks=FAST_BFLOAT16
        ),
    ],
    ids=["srntt", "ttsr", "srntt bfloat16", "ttsr bfloat16"],
)
def test_all_stages_train_and_resume_to_the_bit(
    tmp_path: Path, train, name: str, steps: tuple[int, ...], last: int, fields: dict[str, Any]
) -> None:
    stages = list(METHODS[name]().stages)
    chosen = settings(name, *steps, batch=1, **fields)
    whole = train(chosen, tmp_path / "whole")

    class Stopped(Exception):
        pass

    def stop(now) -> None:
        if now.step == last:
            raise Stopped

    with pytest.raises(Stopped):
        train(chosen, tmp_path / "run", progress=stop)
    resumed = train(chosen, tmp_path / "run", resume=True)
    assert resumed.read_bytes() == whole.read_bytes()
    left = {path.name for path in whole.parent.iterdir()}
    for network in (*stages[:-1], "discriminator"):
        assert f"weights_{network}.safetensors" in left
    final = load_network(whole)
    assert isinstance(final, NETWORKS[name])
    if isinstance(final, SRNTT):
        content = load_network(whole.parent / "weights_content.safetensors")
        assert bool(final.transfers) and not bool(content.transfers)
        for key, value in content.content.state_dict().items():
            assert torch.equal(value, final.content.state_dict()[key]), "frozen after its stage"


@pytest.mark.parametrize("name", NETWORKS)
def test_missing_vgg_stops_before_any_work(tmp_path: Path, train, name: str) -> None:
    with pytest.raises(WeightsError) as caught:
        train(settings(name), tmp_path / "run", vgg=None)
    assert str(caught.value) == (
        "matching textures needs VGG19's weights: give torchvision's vgg19-dcbb9e9d.pth with "
        "--vgg-weights FILE, or fetch them with --download-vgg"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "fields", "text"),
    [
        ("srntt", {"crop": 100}, "at least 64 that is a multiple of 32, not 100; or set loss.adv"),
        ("srntt", {"crop": 32}, "at least 64 that is a multiple of 32, not 32"),
        ("ttsr", {"crop": 100}, "a multiple of 32, not 100; or set loss.adversarial to 0"),
        *((name, {"loss": None}, "all weights of loss are 0") for name in NETWORKS),
        ("srntt", {"texture_weighting": "inverse"}, "texture_weighting"),
        ("ttsr", {"references": 0}, "references"),
    ],
)
def test_settings_that_do_not_go_together(name: str, fields: dict[str, Any], text: str) -> None:
    model = METHODS[name]
    if "loss" in fields:
        fields = {"loss": dict.fromkeys(model().loss.model_dump(), 0)}  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match=text):
        validated(model, fields, "x")
