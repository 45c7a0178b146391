"""SRNTT's method: its stages against a textbook, turns, overfitting, files."""

import copy
from pathlib import Path

import pytest
import torch

from degrade.errors import SettingsError
from sr_train.compute.device import seeded
from sr_train.data.batch import Batch
from sr_train.losses.perceptual import FrozenNetworks
from sr_train.methods import srntt
from sr_train.network_files import load_any, load_network, save_weights
from sr_train.networks.generator import resized
from sr_train.reference.srntt import SRNTT
from sr_train.settings.srntt import SrnttSettings
from sr_train.training import critic as critics
from tests.sr_train.references import SMALL, a_batch, made_stage, settings

pytestmark = pytest.mark.usefixtures("narrow_critic")


def test_defaults_are_the_published_ones() -> None:
    chosen = SrnttSettings()
    assert (chosen.crop, chosen.batch, chosen.ema, chosen.noise) == (160, 9, 0, False)
    epoch = 11_871 // 9  # CUFED
    assert (chosen.reconstruction.steps, chosen.all.steps) == (5 * epoch, 50 * epoch)
    assert (chosen.all.milestones, chosen.all.gamma) == ((chosen.all.steps // 2,), 0.1)
    assert {stage.learning_rate for stage in chosen.stages.values()} == {1e-4}
    assert tuple(chosen.loss.model_dump().values()) == (1, 1e-4, 1e-4, 1e-6)
    assert (chosen.critic_steps, chosen.truth, chosen.texture_weighting) == (2, True, "none")
    assert chosen.vgg_layers == ("relu3_1", "relu5_1")
    assert chosen.without_perceptual().vgg_layers == ("relu3_1",)


@pytest.mark.parametrize(("kind", "power"), [("mse", 2), ("l1", 1)])
def test_the_content_stage_trains_the_extractor_alone(kind: str, power: int) -> None:
    stage, generator, _ = made_stage(settings("srntt", content_loss=kind), "content")
    batch, twin = a_batch("srntt"), copy.deepcopy(generator)
    loss = (2 * (twin(batch.lr) - batch.hr)).abs().pow(power).mean()
    before = {key: value.clone() for key, value in generator.state_dict().items()}
    assert stage.step(batch)["content"].item() == pytest.approx(loss.item(), rel=1e-5)
    moved = {key for key, value in generator.state_dict().items() if not value.equal(before[key])}
    assert {key.split(".")[0] for key in moved} == {"content"}


def test_reconstruction_learns_from_references_then_from_truth() -> None:
    stage, generator, _ = made_stage(settings("srntt", rate=1e-12), "reconstruction")
    batch, twin = a_batch("srntt"), copy.deepcopy(generator)
    before = {key: value.clone() for key, value in generator.state_dict().items()}
    found = stage.step(batch)
    turns = {
        "reconstruction": twin.swapped(batch.lr, batch.references),
        "reconstruction_truth": twin.own_maps(batch.hr),
    }
    assert set(found) == set(turns)
    for name, textures in turns.items():
        loss = (2 * (twin.enlarge(batch.lr, textures) - batch.hr)).abs().mean()
        assert found[name].item() == pytest.approx(loss.item(), rel=1e-4), name
    moved = {key for key, value in generator.state_dict().items() if not value.equal(before[key])}
    assert {key.split(".")[0] for key in moved} <= {"texture", "transfers"}
    alone, *_ = made_stage(settings("srntt", truth=False), "reconstruction")
    assert set(alone.step(batch)) == {"reconstruction"}


def test_the_transfer_may_start_as_the_contents_picture() -> None:
    chosen = settings("srntt", start_from_content=True)
    stage, generator, _ = made_stage(chosen, "reconstruction")
    batch = a_batch("srntt")
    assert isinstance(generator, SRNTT)
    content = generator.content.picture(generator.content(batch.lr))
    for _ in range(2):
        torch.testing.assert_close(generator(batch.lr, batch.references), content)
        generator.eval()
    stage.step(batch)
    moved = [name for name, weight in generator.texture.named_parameters() if weight.grad.any()]
    assert {f"{scale}.trunk.bn.weight" for scale in ("coarse", "middle", "fine")} <= set(moved)
    learnt = copy.deepcopy(generator.texture.state_dict())
    srntt.METHOD.stages["all"](chosen, generator, FrozenNetworks())
    assert all(torch.equal(learnt[key], v) for key, v in generator.texture.state_dict().items())
    with pytest.raises(ValueError, match=r"needs network.features of at least 6, not 4"):
        settings("srntt", start_from_content=True, network={**SMALL["srntt"], "features": 4})


def test_the_critic_takes_two_steps_in_each_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = critics.critic_loss

    def watched(network, hr, fake, mix):
        seen.append((fake.clone(), mix.clone()))
        return real(network, hr, fake, mix)

    monkeypatch.setattr(critics, "critic_loss", watched)
    stage, _, _ = made_stage(settings("srntt"), "all")
    found = stage.step(a_batch("srntt"))
    assert {"discriminator", "discriminator_truth", "adversarial_truth"} <= set(found)
    fakes, mixes = zip(*seen, strict=True)
    assert len(seen) == 4
    assert torch.equal(fakes[0], fakes[1]) and torch.equal(fakes[2], fakes[3])
    assert not torch.equal(fakes[1], fakes[2])
    assert len({tuple(mix.tolist()) for mix in mixes}) == 4, "each mixes anew"


def test_it_overfits_one_batch() -> None:
    chosen, rate, steps = settings("srntt", network={**SMALL["srntt"], "features": 16}), 5e-3, 150
    stage, *_ = made_stage(chosen, "reconstruction")
    hr = resized(torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(2)), 4)
    batch = Batch(resized(hr, 1 / 4), hr, hr[:, None].flip(3))
    for step in range(steps):
        for group in stage.optimisers["generator"].param_groups:
            group["lr"] = rate * (1 - step / steps)
        losses = stage.step(batch)
    assert losses["reconstruction"] < 0.02
    assert losses["reconstruction_truth"] < 0.02


def test_a_trained_extractor_is_given_with_init(tmp_path: Path, train) -> None:
    with pytest.raises(SettingsError) as caught:
        train(settings("srntt", 0, 1, 0), tmp_path / "none")
    assert str(caught.value) == (
        "content.steps is 0 and the content extractor is untrained: give the weights of an "
        "earlier run's content stage with --init weights_content.safetensors, or train it"
    )
    earlier = train(settings("srntt", 1, 0, 0), tmp_path / "earlier")
    kept = load_network(train(settings("srntt", 0, 1, 0), tmp_path / "later", init=earlier))
    for key, value in load_network(earlier).content.state_dict().items():
        assert torch.equal(value, kept.content.state_dict()[key])
    assert bool(kept.transfers)


def test_files_with_and_without_metadata_show_its_size(tmp_path: Path) -> None:
    with seeded(1):
        network = SRNTT(features=4, content=3, blocks=4)
    torch.save(network.state_dict(), tmp_path / "plain.pth")
    save_weights(tmp_path / "x.safetensors", network)
    for name in ("plain.pth", "x.safetensors"):
        found = load_any(tmp_path / name)
        assert isinstance(found, SRNTT) and found.arguments == network.arguments
        for key, value in found.state_dict().items():
            assert torch.equal(value, network.state_dict()[key])
