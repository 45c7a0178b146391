"""TTSR's method: start from VGG19, both stages against a textbook, overfitting, files."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from degrade.errors import WeightsError
from sr_train.compute.device import seeded
from sr_train.network_files import load_any, load_network, save_weights
from sr_train.networks.vgg19 import random_vgg19
from sr_train.reference.ttsr import TTSR
from sr_train.settings.ttsr import TtsrSettings
from sr_train.training import critic
from tests.sr_train.references import SMALL, a_batch, made_stage, settings

pytestmark = pytest.mark.usefixtures("narrow_critic")


def test_defaults_are_the_published_ones() -> None:
    chosen = TtsrSettings()
    assert (chosen.crop, chosen.batch, chosen.ema, chosen.noise) == (160, 9, 0, False)
    steps = 11_871 // 9  # of an epoch of CUFED
    assert (chosen.reconstruction.steps, chosen.all.steps) == (2 * steps, 50 * steps)
    for stage in (chosen.reconstruction, chosen.all):
        assert (stage.learning_rate, stage.betas, stage.milestones) == (1e-4, (0.9, 0.999), ())
    assert chosen.extractor_rate * chosen.all.learning_rate == pytest.approx(1e-5)
    assert (chosen.critic_betas, chosen.critic_steps) == ((0, 0.9), 2)
    assert tuple(chosen.loss.model_dump().values()) == (1, 1e-2, 1e-2, 1e-3)
    assert chosen.vgg_layers == ("relu3_1", "relu5_1")
    assert chosen.without_perceptual().vgg_layers == ("relu3_1",)


def test_reconstruction_is_l1_in_signed_range() -> None:
    stage, generator, _ = made_stage(settings("ttsr"), "reconstruction")
    batch, twin = a_batch("ttsr"), copy.deepcopy(generator)
    loss = (2 * (twin(batch.lr, batch.references) - batch.hr)).abs().mean()
    loss.backward()
    assert stage.step(batch)["reconstruction"].item() == pytest.approx(loss.item(), rel=1e-5)
    for ours, textbook in zip(generator.parameters(), twin.parameters(), strict=True):
        if textbook.requires_grad:
            torch.testing.assert_close(ours.grad, textbook.grad, rtol=1e-3, atol=1e-7)


def test_the_critic_takes_two_steps_on_one_fake(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = critic.critic_loss

    def watched(network, hr, fake, mix):
        seen.append((fake.clone(), mix.clone(), next(network.parameters()).detach().clone()))
        return real(network, hr, fake, mix)

    monkeypatch.setattr(critic, "critic_loss", watched)
    stage, generator, _ = made_stage(settings("ttsr"), "all")
    batch = a_batch("ttsr")
    fake = 2 * generator(batch.lr, batch.references).detach() - 1
    stage.step(batch)
    assert len(seen) == 2
    assert all(torch.allclose(shown, fake, atol=1e-6) for shown, _, _ in seen)
    assert not torch.equal(seen[0][1], seen[1][1]), "each step mixes anew"
    assert not torch.equal(seen[0][2], seen[1][2]), "the critic moved between"
    mixes = [seen[0][1]]
    stage.done += 1
    stage.step(batch)
    assert not torch.equal(mixes[0], seen[2][1]), "each training step mixes anew"


def test_it_overfits_one_batch(tmp_path: Path, train) -> None:
    seldom = {"save_every": 100, "validate_every": 100}
    fields = {"batch": 1, "flips": False, "network": {**SMALL["ttsr"], "features": 16}, **seldom}
    chosen = settings("ttsr", 25, 0, rate=3e-3, **fields)
    losses = []
    train(chosen, tmp_path, progress=lambda p: losses.append(p.values["reconstruction"]))
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:3])


def test_the_extractor_has_a_tenth_of_the_rate(tmp_path: Path, train) -> None:
    stage, *_ = made_stage(settings("ttsr"), "reconstruction")
    assert [g["rate_share"] for g in stage.optimisers["generator"].param_groups] == [1.0, 0.1]
    chosen = settings("ttsr", 1, 0, rate=1e-3, extractor_rate=0.0)
    trained = load_network(train(chosen, tmp_path / "frozen"))
    vgg = random_vgg19(("relu3_1",), 0)
    torch.testing.assert_close(trained.LTE.slice3[0].weight, vgg.features[7].weight, rtol=0, atol=0)
    moved = load_network(train(settings("ttsr", 1, 0, rate=1e-3), tmp_path / "moved"))
    step = (moved.LTE.slice3[0].weight - vgg.features[7].weight).abs().max().item()
    assert step == pytest.approx(1e-4, rel=0.05), "Adam's first step is its rate"


def test_published_checkpoints_load_strictly(tmp_path: Path, train) -> None:
    with seeded(3):
        given = TTSR(**SMALL["ttsr"])
    path = tmp_path / "TTSR-rec.pt"
    torch.save({f"module.{key}": value for key, value in given.state_dict().items()}, path)
    found = load_network(path)
    assert isinstance(found, TTSR) and found.arguments == given.arguments
    for key, value in found.state_dict().items():
        assert torch.equal(value, given.state_dict()[key])
    kept = train(settings("ttsr", 1, 0, rate=1e-12), tmp_path / "run", init=path)
    torch.testing.assert_close(load_any(kept).state_dict(), given.state_dict(), atol=1e-9, rtol=0)
    short = {k: v for k, v in given.state_dict().items() if k != "MainNet.conv12.bias"}
    torch.save(short, path)
    with pytest.raises(WeightsError, match=r"1 missing: MainNet.conv12.bias"):
        load_network(path)


def test_published_keys_and_size_are_deduced(tmp_path: Path) -> None:
    network = TTSR()
    torch.save(network.state_dict(), tmp_path / "TTSR.pt")
    assert load_network(tmp_path / "TTSR.pt").arguments == network.arguments
    save_weights(tmp_path / "x.safetensors", network)
    assert load_network(tmp_path / "x.safetensors").arguments == network.arguments
