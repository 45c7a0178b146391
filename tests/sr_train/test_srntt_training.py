"""SRNTT's method: its stages against a textbook, turns, overfitting, files."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from degrade.errors import SettingsError
from sr_train.losses.texture import texture
from sr_train.methods import srntt
from sr_train.networks.reference_generator import resized
from sr_train.networks.srntt import SRNTT
from sr_train.networks.vgg19 import random_vgg19
from sr_train.parts import critic as critics
from sr_train.parts.batch import Batch
from sr_train.parts.frozen import Frozen
from sr_train.parts.seeding import seeded
from sr_train.settings.srntt import SrnttSettings
from sr_train.weights import load_any, load_network, save_weights

SMALL = {"features": 8, "content": 1, "blocks": 1}


def settings(
    content: int = 1, reconstruction: int = 1, all_: int = 1, rate: float = 1e-4, **fields
) -> SrnttSettings:
    base = {
        "network": SMALL,
        "crop": 64,
        "batch": 2,
        "device": "cpu",
        "threads": 1,
        "log_every": 1,
        "save_every": 1,
        "validate_every": 2,
        "validation_tiles": 1,
        "content": {"steps": content, "learning_rate": rate},
        "reconstruction": {"steps": reconstruction, "learning_rate": rate},
        "all": {"steps": all_, "learning_rate": rate, "milestones": []},
    }
    return SrnttSettings.model_validate(base | fields)


def made_stage(chosen: SrnttSettings, name: str):
    with seeded(0):
        generator = SRNTT(**chosen.network.model_dump())
    vgg = random_vgg19(("relu3_1", "relu5_1"), 0)
    srntt.start(generator, vgg)
    generator.content.trunk.bn.num_batches_tracked.fill_(1)  # as after the first stage
    stage = srntt.METHOD.stages[name](chosen, generator, Frozen(vgg))
    return stage, generator.train(), vgg


def a_batch() -> Batch:
    random = torch.Generator().manual_seed(1)
    lr, hr = torch.rand(2, 3, 16, 16, generator=random), torch.rand(2, 3, 64, 64, generator=random)
    return Batch(lr, hr, torch.rand(2, 2, 3, 32, 32, generator=random))


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


def test_the_network_matches_in_the_given_vgg19() -> None:
    _, generator, _ = made_stage(settings(), "reconstruction")
    image = torch.rand(1, 3, 16, 16)
    expected = random_vgg19(("relu1_1", "relu2_1", "relu3_1"), 0)(image)
    for level, name in zip(
        generator.features(image), ("relu3_1", "relu2_1", "relu1_1"), strict=True
    ):
        torch.testing.assert_close(level, expected[name], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("kind", "power"), [("mse", 2), ("l1", 1)])
def test_the_content_stage_trains_the_extractor_alone(kind: str, power: int) -> None:
    stage, generator, _ = made_stage(settings(content_loss=kind), "content")
    batch, twin = a_batch(), copy.deepcopy(generator)
    loss = (2 * (twin(batch.lr) - batch.hr)).abs().pow(power).mean()
    before = {key: value.clone() for key, value in generator.state_dict().items()}
    assert stage.step(batch)["content"].item() == pytest.approx(loss.item(), rel=1e-5)
    moved = {key for key, value in generator.state_dict().items() if not value.equal(before[key])}
    assert {key.split(".")[0] for key in moved} == {"content"}


def test_reconstruction_learns_from_references_then_from_truth() -> None:
    stage, generator, _ = made_stage(settings(rate=1e-12), "reconstruction")
    batch, twin = a_batch(), copy.deepcopy(generator)
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
    alone, *_ = made_stage(settings(truth=False), "reconstruction")
    assert set(alone.step(batch)) == {"reconstruction"}


def test_the_transfer_may_start_as_the_contents_picture() -> None:
    chosen = settings(start_from_content=True)
    stage, generator, _ = made_stage(chosen, "reconstruction")
    batch = a_batch()
    assert isinstance(generator, SRNTT)
    content = generator.content.picture(generator.content(batch.lr))
    for _ in range(2):
        torch.testing.assert_close(generator(batch.lr, batch.references), content)
        generator.eval()
    stage.step(batch)
    moved = [name for name, weight in generator.texture.named_parameters() if weight.grad.any()]
    assert {f"{scale}.trunk.bn.weight" for scale in ("coarse", "middle", "fine")} <= set(moved)
    learnt = copy.deepcopy(generator.texture.state_dict())
    srntt.METHOD.stages["all"](chosen, generator, Frozen())
    assert all(torch.equal(learnt[key], v) for key, v in generator.texture.state_dict().items())
    with pytest.raises(ValueError, match=r"needs network.features of at least 6, not 4"):
        settings(start_from_content=True, network={**SMALL, "features": 4})


@pytest.mark.parametrize("weighting", ["none", "paper", "released"])
def test_the_last_stage_is_the_textbooks_weighted_sum(weighting: str) -> None:
    loss = {"perceptual": 0.3, "texture": 0.2, "adversarial": 0.1}
    chosen = settings(loss=loss, truth=False, texture_weighting=weighting)
    stage, generator, vgg = made_stage(chosen, "all")
    critic = stage.networks["discriminator"]
    batch, twin = a_batch(), copy.deepcopy(generator)
    found = stage.step(batch)
    textures = twin.swapped(batch.lr, batch.references)
    sr = twin.enlarge(batch.lr, textures)
    layers = random_vgg19(("relu1_1", "relu2_1", "relu3_1"), 0)(sr)
    features = [layers[name] for name in ("relu3_1", "relu2_1", "relu1_1")]
    expected = {
        "reconstruction": (2 * (sr - batch.hr)).abs().mean(),
        "perceptual": F.mse_loss(vgg(sr)["relu5_1"], vgg(batch.hr)["relu5_1"]),
        "texture": texture(features, textures.maps, textures.similarity, weighting),
        # The critic has taken its steps by then, and none after.
        "adversarial": -critic(2 * sr - 1).mean(),
    }
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value.item(), rel=1e-3, abs=1e-6), name
    weights = chosen.loss.model_dump()
    sum(weights[name] * value for name, value in expected.items()).backward()
    for ours, textbook in zip(
        generator.texture.parameters(), twin.texture.parameters(), strict=True
    ):
        torch.testing.assert_close(ours.grad, textbook.grad, rtol=5e-3, atol=1e-5)


def test_textures_of_unrelated_references_are_not_learnt() -> None:
    chosen = settings(loss={"perceptual": 0.0, "adversarial": 0.0}, truth=False)
    stage, generator, _ = made_stage(chosen, "all")
    batch, twin = replace(a_batch(), related=torch.tensor([False, True])), copy.deepcopy(generator)
    textures = twin.swapped(batch.lr, batch.references)
    sr = twin.enlarge(batch.lr, textures)
    own, maps = ([each[1:] for each in side] for side in (twin.features(sr), textures.maps))
    expected = texture(own, maps, textures.similarity[1:]).item() / 2
    assert stage.step(batch)["texture"].item() == pytest.approx(expected, rel=1e-3)
    none = replace(batch, related=torch.tensor([False, False]))
    assert stage.step(none)["texture"].item() == 0
    assert all(weight.isfinite().all() for weight in generator.parameters())


def test_the_critic_takes_two_steps_in_each_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = critics.critic_loss

    def watched(network, hr, fake, mix):
        seen.append((fake.clone(), mix.clone()))
        return real(network, hr, fake, mix)

    monkeypatch.setattr(critics, "critic_loss", watched)
    stage, _, _ = made_stage(settings(), "all")
    found = stage.step(a_batch())
    assert {"discriminator", "discriminator_truth", "adversarial_truth"} <= set(found)
    fakes, mixes = zip(*seen, strict=True)
    assert len(seen) == 4
    assert torch.equal(fakes[0], fakes[1]) and torch.equal(fakes[2], fakes[3])
    assert not torch.equal(fakes[1], fakes[2])
    assert len({tuple(mix.tolist()) for mix in mixes}) == 4, "each mixes anew"


def test_it_learns_one_batch_by_heart() -> None:
    chosen, rate, steps = settings(network={**SMALL, "features": 16}), 5e-3, 150
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
        train(settings(0, 1, 0), tmp_path / "none")
    assert str(caught.value) == (
        "content.steps is 0 and the content extractor is untrained: give the weights of an "
        "earlier run's content stage with --init weights_content.safetensors, or train it"
    )
    earlier = train(settings(1, 0, 0), tmp_path / "earlier")
    kept = load_network(train(settings(0, 1, 0), tmp_path / "later", init=earlier))
    for key, value in load_network(earlier).content.state_dict().items():
        assert torch.equal(value, kept.content.state_dict()[key])
    assert bool(kept.transfers)


def test_files_with_and_without_metadata_tell_its_size(tmp_path: Path) -> None:
    with seeded(1):
        network = SRNTT(features=4, content=3, blocks=4)
    torch.save(network.state_dict(), tmp_path / "plain.pth")
    save_weights(tmp_path / "x.safetensors", network)
    for name in ("plain.pth", "x.safetensors"):
        found = load_any(tmp_path / name)
        assert isinstance(found, SRNTT) and found.arguments == network.arguments
        for key, value in found.state_dict().items():
            assert torch.equal(value, network.state_dict()[key])
