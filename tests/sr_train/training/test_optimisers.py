"""Optimisers by choice, and batches learnt from in parts: laws of the steps, and resuming."""

import copy
from pathlib import Path

import pytest
import torch

from degrade.errors import SettingsError, TrainingError
from degrade.yaml_settings import validated
from sr_train.data.batch import Batch
from sr_train.data.training_data import training_data
from sr_train.losses.further_table import LossInputs
from sr_train.methods import METHODS
from sr_train.networks.srresnet import SRResNet
from sr_train.settings import METHODS as SETTINGS
from sr_train.settings.esrgan import EsrganPsnrStage
from sr_train.training import training_run
from sr_train.training.loop import Progress
from sr_train.training.optimisers import copy_average, optimiser_for, rate_at
from sr_train.training.stages import generator_stage
from tests.sr_train.methods.test_methods import CHOICES, settings_of

RATES = {"steps": 4, "learning_rate": 1e-2, "betas": [0.9, 0.99], "milestones": [1]}


def network() -> SRResNet:
    torch.manual_seed(0)
    return SRResNet(2, features=4, blocks=1)


def batch(size: int = 5) -> Batch:
    rng = torch.Generator().manual_seed(1)
    lr = torch.rand(size, 3, 8, 8, generator=rng)
    return Batch(lr, torch.nn.functional.interpolate(lr, scale_factor=2))


def pixels(seen: LossInputs) -> dict[str, torch.Tensor]:
    return {"pixel": (seen.sr - seen.hr).square().mean()}


def weights(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_parts_have_the_gradients_of_the_whole(parts: int) -> None:
    whole, divided = network().eval(), network().eval()
    stages = [
        generator_stage(EsrganPsnrStage(**RATES), one, 0, pixels, accumulate=accumulate)
        for one, accumulate in ((whole, 1), (divided, parts))
    ]
    losses = [stage.step(batch())["pixel"] for stage in stages]
    torch.testing.assert_close(*losses)
    for a, b in zip(whole.parameters(), divided.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-7)


def test_decay_pulls_weights_to_zero_apart_from_the_gradient() -> None:
    plain, decayed = network(), network()
    for one, settings in (
        (plain, EsrganPsnrStage(**RATES, optimiser="adamw")),
        (decayed, EsrganPsnrStage(**RATES, optimiser="adamw", weight_decay=0.1)),
    ):
        optimiser = optimiser_for(one, settings)
        pixels(LossInputs(one(batch().lr), batch().hr, torch.rand))["pixel"].backward()
        before = weights(one)
        optimiser.step()
    torch.testing.assert_close(weights(plain) - weights(decayed), 1e-2 * 0.1 * before)
    with pytest.raises(SettingsError, match=r"psnr: weight_decay is for optimiser adamw or sched"):
        validated(SETTINGS["psnr"], {"psnr": {"weight_decay": 0.1}}, "x")
    with pytest.raises(SettingsError, match=r"accumulate 3 is more than batch 2"):
        validated(SETTINGS["psnr"], {"batch": 2, "accumulate": 3}, "x")
    with pytest.raises(SettingsError, match=r"accumulate is for psnr, esrgan and srgan: lower ba"):
        validated(SETTINGS["srntt"], {"accumulate": 2}, "x")


def test_schedule_free_gives_the_packages_average_and_leaves_the_run_alone() -> None:
    pytest.importorskip("schedulefree")
    live = network().eval()
    settings = EsrganPsnrStage(**RATES, optimiser="schedule-free")
    stage = generator_stage(settings, live, 0, pixels)
    for _ in range(3):
        stage.step(batch())
    before, optimiser = weights(live), stage.optimisers["generator"]
    copy_average(stage.average, live, optimiser)
    assert torch.equal(weights(live), before) and not torch.equal(weights(stage.average), before)
    optimiser.eval()
    torch.testing.assert_close(weights(stage.average), weights(live), rtol=0, atol=0)
    assert [rate_at(settings, step) for step in (0, 3)] == [1e-2, 1e-2]


def test_schedule_free_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "schedulefree", None)
    with pytest.raises(TrainingError, match=r"not installed: pip install 'degrade\[schedulefree\]"):
        optimiser_for(network(), EsrganPsnrStage(**RATES, optimiser="schedule-free"))


@pytest.mark.parametrize("choice", ["esrgan", "psnr srresnet"])
def test_runs_resume_to_the_bit(tmp_path: Path, make_pairs, make_noise, choice: str) -> None:
    pytest.importorskip("schedulefree")
    method, fields = CHOICES[choice][0], copy.deepcopy(CHOICES[choice][1])
    stages = {"psnr": RATES | {"optimiser": "schedule-free"}}
    if "gan" in fields:
        stages["gan"] = fields.pop("gan") | {"optimiser": "adamw", "weight_decay": 0.01}
    settings = settings_of(choice, accumulate=2, save_every=2, **stages)
    data = training_data(make_pairs(), make_noise(), settings)

    def stop(now: Progress) -> None:
        if now.step == 3:
            raise KeyboardInterrupt

    one = training_run.train(METHODS[method], data, settings, tmp_path / "one")
    with pytest.raises(KeyboardInterrupt):
        training_run.train(METHODS[method], data, settings, tmp_path / "two", progress=stop)
    two = training_run.train(METHODS[method], data, settings, tmp_path / "two", resume=True)
    assert one.read_bytes() == two.read_bytes()
