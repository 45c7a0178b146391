"""Every method: its steps against textbook gradients, one batch learnt, runs resumed to the bit."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from degrade.errors import SettingsError, TrainingError, WeightsError
from degrade.yaml_settings import validated
from sr_train import settings as known
from sr_train.data.batch import Batch
from sr_train.data.training_data import training_data
from sr_train.losses.perceptual import FrozenNetworks
from sr_train.methods import METHODS, esrgan, srgan
from sr_train.network_files import load_any, load_network
from sr_train.networks.patchgan import PatchDiscriminator
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.networks.srresnet import SRResNet
from sr_train.networks.vgg19 import random_vgg19
from sr_train.settings.common import TrainingSettings
from sr_train.settings.psnr import PsnrSettings
from sr_train.settings.srgan import SrganSettings
from sr_train.training import training_run
from sr_train.training.loop import Progress
from tests.sr_train.arrays import ArrayPairs, ArrayTiles

RATES = {"learning_rate": 1e-3, "betas": [0.9, 0.99], "milestones": []}
SMALL = {
    "crop": 32,
    "batch": 2,
    "psnr": {"steps": 2, **RATES},
    "device": "cpu",
    "threads": 1,
    "log_every": 1,
    "save_every": 3,
    "validate_every": 2,
    "validation_tiles": 1,
}
GAN = {"gan": {"steps": 2, **RATES}, "loss": {"perceptual": 0.0, "adversarial": 0.1}}
RRDB = {"network": {"features": 8, "blocks": 1, "growth": 4}}
SRRESNET = {"network": {"features": 8, "blocks": 1}}
CHOICES: dict[str, tuple[str, dict[str, Any]]] = {
    "esrgan": ("esrgan", RRDB | GAN),
    "esrgan unet": ("esrgan", RRDB | GAN | {"discriminator": "unet", "objective": "vanilla"}),
    "srgan": ("srgan", SRRESNET | GAN),
    "psnr rrdbnet": ("psnr", RRDB),
    "psnr srresnet": (
        "psnr",
        {"network": {"architecture": "srresnet", "features": 8, "blocks": 1}},
    ),
}
"""Methods with settings that take milliseconds."""
NETWORKS = dict.fromkeys(CHOICES, RRDBNet) | {"srgan": SRResNet, "psnr srresnet": SRResNet}
"""What each choice's weights are of."""


def settings_of(choice: str, **fields: Any) -> TrainingSettings:
    method, own = CHOICES[choice]
    return known.METHODS[method].model_validate(SMALL | own | fields)


def train(
    choice: str, settings: TrainingSettings, folder: Path, pairs: ArrayPairs, noise: Any, **options
) -> Path:
    data = training_data(pairs, noise, settings)
    return training_run.train(METHODS[CHOICES[choice][0]], data, settings, folder, **options)


@pytest.mark.parametrize("choice", CHOICES)
def test_stopped_and_resumed_is_the_same_to_the_bit(tmp_path: Path, data, choice: str) -> None:
    settings = settings_of(choice)
    whole = train(choice, settings, tmp_path / "whole", *data)

    def stop(now: Progress) -> None:
        if now.step == settings.steps - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(choice, settings, tmp_path / "run", *data, progress=stop)
    early = settings_of(choice, save_every=1)
    with pytest.raises(KeyboardInterrupt):
        train(choice, early, tmp_path / "run", *data, progress=stop, overwrite=True)
    train(choice, settings, tmp_path / "run", *data, resume=True)
    assert isinstance(load_network(whole), NETWORKS[choice])
    names = {path.name for path in whole.parent.glob("weights*")}
    assert names == {path.name for path in (tmp_path / "run").glob("weights*")}
    assert ("weights_discriminator.safetensors" in names) == ("gan" in settings.stages)
    for name in names:
        assert (tmp_path / "run" / name).read_bytes() == (whole.parent / name).read_bytes()


def one_pair() -> ArrayPairs:
    """A smooth picture, of which there is one crop only."""
    y, x = np.mgrid[:16, :16] / 16
    lr = (np.stack([x, y, (x + y) / 2], -1)[None] * 200 + 20).astype(np.uint8)
    hr = lr.repeat(2, 1).repeat(2, 2)
    return ArrayPairs(ArrayTiles(hr), ArrayTiles(lr), np.array(["train"]), 2)


@pytest.mark.parametrize("choice", CHOICES)
def test_one_batch_is_learnt_to_near_zero_error(tmp_path: Path, choice: str) -> None:
    fields: dict[str, Any] = {
        "psnr": {**RATES, "steps": 150, "learning_rate": 4e-3, "milestones": [100, 125]},
        "noise": False,
        "flips": False,
        "batch": 1,
        "ema": 0.0,
        "save_every": 1000,
    }
    if "psnr" not in choice:
        fields["gan"] = {**RATES, "steps": 5, "learning_rate": 3e-4}
        fields["loss"] = {"pixel": 1.0, "perceptual": 0.0, "adversarial": 1e-4}
    fields["network"] = CHOICES[choice][1]["network"] | {"features": 16}
    pairs, seen = one_pair(), []
    path = train(choice, settings_of(choice, **fields), tmp_path, pairs, None, progress=seen.append)
    network = load_network(path)
    network.train()  # batch norm as in training: there is one batch
    with torch.no_grad():
        lr, hr = (torch.from_numpy(t.array / 255).permute(0, 3, 1, 2).float()
                  for t in (pairs.lr, pairs.hr))  # fmt: skip
        error = (network(lr) - hr).abs().mean()
    assert error < 0.03
    assert seen[149].values["pixel"] < 0.1 * seen[0].values["pixel"]


def textbook(real: torch.Tensor, fake: torch.Tensor, objective: str) -> tuple[Any, Any]:
    """Return (L_D, L_G), written out once more."""
    bce = F.binary_cross_entropy_with_logits
    one, zero = torch.ones_like(real), torch.zeros_like(real)
    match objective:
        case "ragan":
            over, under = real - fake.mean(), fake - real.mean()
            return (bce(over, one) + bce(under, zero)) / 2, (bce(over, zero) + bce(under, one)) / 2
        case "vanilla":
            return bce(real, one) + bce(fake, zero), bce(fake, one)
        case "lsgan":
            return (F.mse_loss(real, one) + F.mse_loss(fake, zero)) / 2, F.mse_loss(fake, one) / 2
    return (1 - real).clamp_min(0).mean() + (1 + fake).clamp_min(0).mean(), -fake.mean()


def srgan_total(vgg, sr, hr, adversarial) -> torch.Tensor:
    features = ((vgg(sr)["relu1_2"] - vgg(hr)["relu1_2"]) / 12.75).square().mean()
    return 0.2 * 4 * (sr - hr).square().mean() + 0.7 * features + 0.1 * adversarial


def esrgan_total(vgg, sr, hr, adversarial) -> torch.Tensor:
    features = (vgg(sr)["relu1_2"] - vgg(hr)["relu1_2"]).abs().mean()
    return 0.2 * (sr - hr).abs().mean() + 0.7 * features + 0.1 * adversarial


@pytest.mark.parametrize(
    ("choice", "objective", "total"),
    [
        *(("esrgan", name, esrgan_total) for name in ("ragan", "vanilla", "lsgan")),
        ("esrgan", "hinge", esrgan_total),
        ("srgan", "vanilla", srgan_total),
    ],
)
def test_both_gradients_of_a_gan_step_are_the_textbooks(
    choice: str, objective: str, total: Callable[..., torch.Tensor]
) -> None:
    loss = {"pixel": 0.2, "perceptual": 0.7, "adversarial": 0.1}
    fields: dict[str, Any] = {"loss": loss, "perceptual_layers": {"relu1_2": 1.0}}
    if choice != "srgan":
        fields["objective"] = objective
    settings = settings_of(choice, **fields)
    vgg = random_vgg19(["relu1_2"], 0)
    method = esrgan if "esrgan" in choice else srgan
    torch.manual_seed(0)
    stage = method.gan_stage(settings, method.build_generator(settings, 2), FrozenNetworks(vgg))  # type: ignore[arg-type]
    g, d = (copy.deepcopy(stage.networks[name]) for name in ("generator", "discriminator"))
    lr, hr = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 32, 32)
    sr = g(lr)
    total(vgg, sr, hr, textbook(d(hr).detach(), d(sr), objective)[1]).backward()
    stage.step(Batch(lr, hr))
    same_gradients(stage.networks["generator"], g)
    d.zero_grad()
    textbook(d(hr), d(sr.detach()), objective)[0].backward()
    same_gradients(stage.networks["discriminator"], d)


def same_gradients(ours: torch.nn.Module, theirs: torch.nn.Module) -> None:
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-6, msg=name)


@pytest.mark.parametrize("same", ["esrgan", "srgan", "psnr rrdbnet"])
def test_every_choice_changes_the_gradients(same: str) -> None:
    changes: dict[str, list[dict[str, Any]]] = {
        "esrgan": [
            {},
            *({"objective": name} for name in ("vanilla", "lsgan", "hinge")),
            *({"pixel_loss": name} for name in ("charbonnier", "mse")),
            {"discriminator": "unet"},
            {"discriminator": "vgg128", "crop": 128},
            {"crop": 128},
        ],
        "srgan": [
            {},
            {"loss": {"perceptual": 0.0, "adversarial": 0.2}},
            {"loss": {"perceptual": 0.0, "pixel": 1.0}},
        ],
        "psnr rrdbnet": [{}, *({"pixel_loss": name} for name in ("charbonnier", "mse"))],
    }
    results = {gradients_of_a_step(same, settings_of(same, **f)) for f in changes[same]}
    assert len(results) == len(changes[same])


def gradients_of_a_step(choice: str, settings: TrainingSettings) -> bytes:
    """Return the generator's gradients in the last stage's first step."""
    method = METHODS[CHOICES[choice][0]]
    torch.manual_seed(0)
    generator = method.generator(settings, 2)
    stage = method.stages[list(settings.stages)[-1]](settings, generator, FrozenNetworks())
    lr, hr = (torch.rand(1, 3, side, side) for side in (settings.crop // 2, settings.crop))
    stage.step(Batch(lr, hr))
    gradients = [parameter.grad for parameter in generator.parameters()]
    return torch.cat([g.flatten() for g in gradients if g is not None]).numpy().tobytes()


def test_validation_leaves_running_statistics_alone(tmp_path: Path, data) -> None:
    results = {
        train(
            "srgan",
            settings_of("srgan", ema=0.0, validate_every=every),
            tmp_path / str(every),
            *data,
        ).read_bytes()
        for every in (1, 100)
    }
    assert len(results) == 1


def test_a_discriminators_weights_to_start_from(tmp_path: Path, data) -> None:
    choice = "esrgan"
    given = PatchDiscriminator()
    path = tmp_path / "netD.pth"
    torch.save({"params": given.state_dict()}, path)
    rate = {"learning_rate": 1e-12, "betas": [0.9, 0.99], "milestones": []}
    only_gan = settings_of(choice, psnr={"steps": 0, **RATES}, gan={"steps": 1, **rate})
    train(choice, only_gan, tmp_path / "run", *data, init_discriminator=path)
    found = load_any(tmp_path / "run" / "weights_discriminator.safetensors")
    for ours, theirs in zip(found.parameters(), given.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0)
    unet = only_gan.model_copy(update={"discriminator": "unet"})
    for settings, error, text in (
        (unet, WeightsError, r"netD.pth: not the weights of UNetDiscriminator, 64: 28 missing"),
        (settings_of(choice), SettingsError, r"for runs that begin with a GAN stage: leave them"),
    ):
        with pytest.raises(error, match=text):
            train(choice, settings, tmp_path / "x", *data, init_discriminator=path)
        assert not (tmp_path / "x").exists()


def test_weights_of_another_architecture_stop_before_any_work(tmp_path: Path, data) -> None:
    torch.save(SRResNet(2, 8, 1).state_dict(), tmp_path / "srresnet.pth")
    with pytest.raises(WeightsError, match=r"not the weights of RRDBNet x2, 8/1/4: \d+ missing"):
        train(
            "psnr rrdbnet",
            settings_of("psnr rrdbnet"),
            tmp_path / "run",
            *data,
            init=tmp_path / "srresnet.pth",
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a GPU that is absent")
@pytest.mark.parametrize("choice", ["esrgan", "srgan", "psnr srresnet"])
def test_a_gpu_that_is_absent_stops_before_any_work(tmp_path: Path, data, choice: str) -> None:
    with pytest.raises(TrainingError, match="device cuda: torch sees no GPU; use --device cpu or"):
        train(choice, settings_of(choice, device="cuda"), tmp_path / "run", *data)
    assert not (tmp_path / "run").exists()


def test_vgg_that_is_absent_stops_before_any_work(tmp_path: Path, data) -> None:
    settings = settings_of("srgan", loss={"perceptual": 1.0})
    assert settings.vgg_layers == ("relu5_4",)
    with pytest.raises(WeightsError, match=r"--vgg-weights FILE, or train .* --no-perceptual"):
        train("srgan", settings, tmp_path / "run", *data)
    assert not (tmp_path / "run").exists()


def test_srgan_defaults_are_the_papers() -> None:
    settings = SrganSettings()
    assert (settings.network.features, settings.network.blocks) == (64, 16)
    assert (settings.crop, settings.batch, settings.ema) == (96, 16, 0)
    assert settings.loss.model_dump() == {"pixel": 0, "perceptual": 1, "adversarial": 1e-3}
    assert settings.perceptual_layers == {"relu5_4": 1.0}
    psnr, gan = settings.psnr, settings.gan
    assert (psnr.steps, psnr.learning_rate, psnr.milestones) == (1_000_000, 1e-4, ())
    assert (gan.steps, gan.learning_rate) == (200_000, 1e-4)
    assert (gan.milestones, gan.gamma, gan.betas[0]) == ((100_000,), 0.1, 0.9)


@pytest.mark.parametrize(
    ("method", "fields", "text"),
    [
        ("esrgan", {"discriminator": "vgg128", "crop": 96}, "vgg128 needs crop 128, not 96"),
        ("esrgan", {"discriminator": "unet", "crop": 100}, "a multiple of 8, not 100"),
        ("esrgan", {"objective": "wgan"}, "objective: input should be 'ragan', 'vanilla'"),
        ("srgan", {"crop": 100}, "crop of at least 32 that is a multiple of 16, not 100"),
        ("srgan", {"crop": 16}, "crop of at least 32 that is a multiple of 16, not 16"),
        ("psnr", {"loss": {"pixel": 1}}, "loss: unknown key"),
        ("psnr", {"network": {"architecture": "srresnet", "growth": 1}}, "network.growth: unknown"),
    ],
)
def test_settings_that_do_not_go_together(method: str, fields: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        validated(known.METHODS[method], fields, "x")


@pytest.mark.parametrize(
    ("method", "fields"), [("esrgan", {"discriminator": "vgg128"}), ("srgan", {})]
)
def test_without_a_gan_stage_the_crop_is_free(method: str, fields: dict[str, Any]) -> None:
    fields = fields | {"crop": 100, "gan": {"steps": 0, **RATES}}
    validated(known.METHODS[method], fields, "x")


def test_the_smallest_crop_trains_with_one_picture_a_batch(tmp_path: Path, data) -> None:
    for choice, crop in (("srgan", 32), ("esrgan", 24), ("esrgan unet", 24)):
        train(choice, settings_of(choice, crop=crop, batch=1), tmp_path / choice, *data)


def test_every_method_has_settings_and_stages_of_the_same_names() -> None:
    assert set(METHODS) == set(known.METHODS)
    for name, method in METHODS.items():
        settings = known.METHODS[name]()
        assert list(method.stages) == list(settings.stages)
        assert (method.discriminator is None) == ("gan" not in settings.stages)
    assert isinstance(PsnrSettings(), TrainingSettings)
