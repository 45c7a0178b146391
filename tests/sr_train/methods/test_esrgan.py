"""ESRGAN: both networks' gradients are the textbook's, every setting matters, given weights."""

import copy
from pathlib import Path

import pytest
import torch

from degrade.errors import TrainingError, WeightsError
from sr_train.data.batch import Batch
from sr_train.losses.perceptual import FrozenNetworks
from sr_train.methods import esrgan
from sr_train.network_files import load_network, save_weights
from sr_train.networks.generator import Generator
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.networks.vgg19 import random_vgg19
from sr_train.training.loop import Progress, TrainingStage
from tests.sr_train.small_runs import Stopped, stop_at, train

pytestmark = pytest.mark.usefixtures("narrow_critic")


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_starts_from_given_weights(tmp_path: Path, data, make_settings, ending: str) -> None:
    given = RRDBNet(2, features=8, blocks=1, growth=4)
    path = tmp_path / f"given.{ending}"
    save_weights(path, given) if ending != "pth" else torch.save(given.state_dict(), path)
    rate = {"learning_rate": 1e-12, "betas": [0.9, 0.99], "milestones": []}
    settings = make_settings(psnr=0, gan={"steps": 1, **rate})
    found = load_network(train(*data, settings, tmp_path / "run", init=path))
    torch.testing.assert_close(found.state_dict(), given.state_dict(), atol=1e-10, rtol=0)
    with pytest.raises(WeightsError, match=r"not the weights of RRDBNet x2, 8/2/4: 30 missing"):
        train(
            *data,
            make_settings(network={"features": 8, "blocks": 2, "growth": 4}),
            tmp_path / "other",
            init=path,
        )
    assert not (tmp_path / "other").exists()


def test_gan_stage_changes_both_networks_and_logs_all_terms(
    tmp_path: Path, data, make_settings
) -> None:
    settings = make_settings(
        gan=1, loss={}, perceptual_layers={"relu1_2": 1.0, "conv2_1": 0.5}, save_every=1
    )
    vgg = random_vgg19(list(settings.perceptual_layers), 0)
    seen: list[Progress] = []
    train(*data, settings, tmp_path, vgg=vgg, progress=seen.append)
    end = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["networks"]
    start = esrgan.gan_stage(
        settings, load_network(tmp_path / "weights_psnr.safetensors"), FrozenNetworks(vgg)
    )
    for name in ("generator", "discriminator"):
        for key, value in start.networks[name].state_dict().items():
            if key != "model.11.bias":  # relativistic losses do not see a shift of all logits
                assert not torch.equal(value, end[name][key]), f"{name} {key} did not move"
    assert {"pixel", "perceptual", "adversarial", "discriminator"} <= set(seen[-1].values)


def _gan_stage(make_settings, **fields) -> TrainingStage:
    settings = make_settings(**fields)
    torch.manual_seed(0)
    generator = RRDBNet(2, features=8, blocks=1, growth=4)
    vgg = random_vgg19(list(settings.perceptual_layers), 0)
    return esrgan.gan_stage(settings, generator, FrozenNetworks(vgg))


@pytest.mark.parametrize(
    "loss",
    [
        {"pixel": 0.5, "perceptual": 0, "adversarial": 0},
        {"pixel": 0, "perceptual": 0.5, "adversarial": 0},
        {"pixel": 0, "perceptual": 0, "adversarial": 0.5},
        {"pixel": 0.3, "perceptual": 0.2, "adversarial": 0.1},
    ],
)
def test_generator_gradient_is_that_of_the_weighted_sum(make_settings, loss) -> None:
    stage = _gan_stage(make_settings, loss=loss, perceptual_layers={"conv1_2": 1.0})
    generator, discriminator = stage.networks["generator"], stage.networks["discriminator"]
    g, d = copy.deepcopy(generator), copy.deepcopy(discriminator)
    lr, hr = torch.rand(2, 3, 12, 12), torch.rand(2, 3, 24, 24)
    vgg = random_vgg19(["conv1_2"], 0)
    sr = g(lr)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    real, fake = d(hr).detach(), d(sr)
    ones, zeros = torch.ones_like(real), torch.zeros_like(real)
    gan = (bce(real - fake.mean(), zeros) + bce(fake - real.mean(), ones)) / 2
    features = (vgg(sr)["conv1_2"] - vgg(hr)["conv1_2"]).abs().mean()
    total = (
        loss["pixel"] * (sr - hr).abs().mean()
        + loss["perceptual"] * features
        + loss["adversarial"] * gan
    )
    total.backward()
    stage.step(Batch(lr, hr))
    for ours, textbook in zip(generator.parameters(), g.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, textbook.grad, rtol=1e-3, atol=1e-6)


def test_discriminator_step_sees_the_sr_before_the_update(make_settings) -> None:
    stage = _gan_stage(make_settings)
    discriminator = stage.networks["discriminator"]
    g, d = copy.deepcopy(stage.live), copy.deepcopy(discriminator)
    lr, hr = torch.rand(2, 3, 12, 12), torch.rand(2, 3, 24, 24)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    real, fake = d(hr), d(g(lr).detach())
    ones, zeros = torch.ones_like(real), torch.zeros_like(real)
    ((bce(real - fake.mean(), ones) + bce(fake - real.mean(), zeros)) / 2).backward()
    losses = stage.step(Batch(lr, hr))
    for ours, textbook in zip(discriminator.parameters(), d.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, textbook.grad, rtol=1e-3, atol=1e-6)
    assert set(losses) == {
        *("pixel", "adversarial", "discriminator", "logit_real", "logit_fake"),
    }


def test_every_training_setting_changes_the_result(tmp_path: Path, data, make_settings) -> None:
    changes: list[dict[str, object]] = [
        {},
        {"batch": 3},
        {"flips": False},
        {"noise": False},
        {"crop": 32},
        {"random_share": 0.5},
        {"ema": 0.0},
        {"loss": {"pixel": 1.0, "perceptual": 0.0}},
        {"loss": {"adversarial": 0.1, "perceptual": 0.0}},
        {"psnr": 2},
        {"gan": 2},
    ]
    results = {
        train(
            *data, make_settings(**({"psnr": 1, "gan": 1, "save_every": 9} | fields)), tmp_path / n
        ).read_bytes()
        for n, fields in ((str(i), fields) for i, fields in enumerate(changes))
    }
    assert len(results) == len(changes)


@pytest.fixture(scope="module")
def plain(
    tmp_path_factory: pytest.TempPathFactory, narrow_critic, data, make_settings
) -> Generator:
    """What training gives in float32, without clipping."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    return load_network(train(*data, make_settings(psnr=3, gan=3), folder))


@pytest.mark.parametrize("change", [{"precision": "bfloat16"}, {"clip": 1e-3}])
def test_precision_and_clipping_change_little_and_resume_to_the_bit(
    tmp_path: Path, data, make_settings, plain, change
) -> None:
    settings = make_settings(psnr=3, gan=3, save_every=2, **change)
    whole = train(*data, settings, tmp_path / "whole")
    found = load_network(whole)
    assert found.conv_first.weight.dtype == torch.float32
    moved = sum((a - b).norm() for a, b in zip(found.parameters(), plain.parameters(), strict=True))
    assert 0 < moved < 0.1 * sum(p.norm() for p in plain.parameters())
    with pytest.raises(Stopped):
        train(*data, settings, tmp_path / "run", progress=stop_at(5))
    resumed = train(*data, settings, tmp_path / "run", resume=True)
    assert resumed.read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_compiled_blocks_train_as_the_others(tmp_path: Path, data, make_settings) -> None:
    compiled = train(*data, make_settings(psnr=2, gan=1, compile=True), tmp_path / "compiled")
    plain = train(*data, make_settings(psnr=2, gan=1), tmp_path / "plain")
    state = load_network(plain).state_dict()
    torch.testing.assert_close(load_network(compiled).state_dict(), state, rtol=1e-2, atol=4e-3)


def test_without_a_compiler_compilation_is_refused_before_any_work(
    tmp_path: Path, data, make_settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "cxx", (None, str(tmp_path / "no-compiler")))
    expected = r"compile is true, but torch cannot compile for cpu here \(InvalidCxxCompiler: No .*"
    with pytest.raises(TrainingError, match=expected) as caught:
        train(*data, make_settings(compile=True), tmp_path / "run")
    assert str(caught.value).endswith("such as g++, or leave compile at false")
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()
