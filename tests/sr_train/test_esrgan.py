"""ESRGAN: both stages train, runs repeat and resume bit for bit, failures leave a good state."""

import copy
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from run_to_be_killed import run_to_be_killed

from degrade.errors import SettingsError, TrainingError, WeightsError
from sr_train.data.stored import training_data
from sr_train.methods import esrgan
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.networks.vgg19 import random_vgg19
from sr_train.parts import run
from sr_train.parts.batch import Batch
from sr_train.parts.frozen import Frozen
from sr_train.parts.loop import Progress, Stage
from sr_train.weights import load_network, save_weights


def train(pairs, noise, settings, folder: Path, **options) -> Path:
    data = training_data(pairs, noise, settings)
    return run.train(esrgan.METHOD, data, settings, folder, **options)


class Stopped(Exception):
    pass


def stop_at(step: int):
    def progress(now: Progress) -> None:
        if now.step == step:
            raise Stopped

    return progress


@pytest.fixture
def data(make_pairs, make_noise):
    return make_pairs(), make_noise()


def test_a_run_leaves_its_records(tmp_path: Path, data, make_settings) -> None:
    settings, seen = make_settings(), []
    path = train(*data, settings, tmp_path / "run", provenance={"store": "x"}, progress=seen.append)
    assert path == tmp_path / "run" / "weights.safetensors"
    network = load_network(path)
    assert network.arguments == {"scale": 2, "features": 8, "blocks": 1, "growth": 4}
    names = {p.name for p in path.parent.iterdir()}
    assert names == {
        *("weights.safetensors", "weights_psnr.safetensors", "weights_discriminator.safetensors"),
        *("checkpoint.pt", "checkpoint_older.pt"),
        *("settings.yaml", "provenance.json", "log", "samples"),
    }
    assert [(p.stage, p.step, p.total) for p in seen] == [
        *(("psnr", step, 5) for step in (1, 2, 3)),
        *(("gan", step, 5) for step in (4, 5)),
    ]
    assert "discriminator" in seen[-1].values and "psnr" in seen[-1].values
    assert [p.name for p in sorted((path.parent / "samples").iterdir())] == [
        "00000003.png",
        "00000005.png",
    ]
    known = json.loads((path.parent / "provenance.json").read_text())
    assert known["data"]["store"] == "x" and known["data"]["content"] == "pairs noise"
    assert known["software"]["torch"] == torch.__version__
    written = yaml.safe_load((path.parent / "settings.yaml").read_text())
    assert type(settings).model_validate(written) == settings


def test_learning_rates_follow_each_stages_milestones(tmp_path: Path, data, make_settings) -> None:
    train(*data, make_settings(), tmp_path)
    lines = (tmp_path / "log" / "metrics.jsonl").read_text().splitlines()
    rates = [r["learning_rate"] for r in map(json.loads, lines) if "learning_rate" in r]
    assert rates == [1e-3, 1e-3, 5e-4, 1e-3, 1e-3]


@pytest.mark.parametrize(("ema", "stops"), [(0.9, (2, 3, 5)), (0.0, (4,))])
def test_stopped_and_resumed_is_the_same_to_the_bit(
    tmp_path: Path, data, make_settings, ema: float, stops: tuple[int, ...]
) -> None:
    settings = make_settings(psnr=3, gan=3, ema=ema, save_every=2)
    whole = train(*data, settings, tmp_path / "whole")
    for stop in stops:
        run = tmp_path / f"stopped at {stop}"
        with pytest.raises(Stopped):
            train(*data, settings, run, progress=stop_at(stop))
        seen: list[Progress] = []
        resumed = train(*data, settings, run, resume=True, progress=seen.append)
        assert seen[0].step > 1, "it began where it was saved"
        for name in ("weights.safetensors", "weights_psnr.safetensors", "log/metrics.jsonl"):
            assert (run / name).read_bytes() == (whole.parent / name).read_bytes(), stop
        a, b = (torch.load(p.parent / "checkpoint.pt", weights_only=True) for p in (whole, resumed))
        assert str(a) == str(b), stop


def test_killed_and_resumed_is_the_same_to_the_bit(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    here = Path(__file__).parent
    process = subprocess.Popen(
        [sys.executable, str(here / "run_to_be_killed.py"), str(tmp_path / "run")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(root), str(here)))},
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was killed while it ran"
    killed = run_to_be_killed(tmp_path / "run", resume=True)
    assert killed.read_bytes() == run_to_be_killed(tmp_path / "whole").read_bytes()


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path, data, make_settings) -> None:
    path = train(*data, make_settings(), tmp_path)
    before = path.read_bytes()
    assert train(*data, make_settings(), tmp_path, resume=True) == path
    assert path.read_bytes() == before


def test_a_finished_run_can_be_made_longer(tmp_path: Path, data, make_settings) -> None:
    train(*data, make_settings(gan=2), tmp_path / "short")
    longer = train(*data, make_settings(gan=4), tmp_path / "short", resume=True)
    whole = train(*data, make_settings(gan=4), tmp_path / "whole")
    assert longer.read_bytes() == whole.read_bytes()


def test_resuming_something_else_is_refused(tmp_path: Path, data, make_settings) -> None:
    train(*data, make_settings(), tmp_path)
    pairs, noise = data
    with pytest.raises(TrainingError) as caught:
        train(
            replace(pairs, content="others"),
            noise,
            make_settings(batch=3, log_every=7),
            tmp_path,
            resume=True,
        )
    assert str(caught.value) == (
        f"{tmp_path}: the checkpoint is of another run: batch was 2, is 3; the store's pairs or "
        "noise are others; give the settings it began with, or pass --overwrite to train anew"
    )


def test_a_folder_with_a_run_is_not_overwritten(tmp_path: Path, data, make_settings) -> None:
    train(*data, make_settings(), tmp_path)
    with pytest.raises(TrainingError, match=r"holds a run already; go on with --resume, or train"):
        train(*data, make_settings(), tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path, data, make_settings) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match=r"file/run: cannot be written \(.*; choose another"):
        train(*data, make_settings(), tmp_path / "file" / "run")


def test_missing_vgg_stops_before_any_work(tmp_path: Path, data, make_settings) -> None:
    settings = make_settings(loss={})
    with pytest.raises(WeightsError, match=r"--vgg-weights FILE, or train .* --no-perceptual"):
        train(*data, settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_crop_larger_than_the_tile_stops_before_any_work(
    tmp_path: Path, data, make_settings
) -> None:
    with pytest.raises(SettingsError, match="crop is 64"):
        train(*data, make_settings(crop=64), tmp_path / "run")
    assert not (tmp_path / "run").exists()


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
        settings, load_network(tmp_path / "weights_psnr.safetensors"), Frozen(vgg)
    )
    for name in ("generator", "discriminator"):
        for key, value in start.networks[name].state_dict().items():
            if key != "model.11.bias":  # relativistic losses do not see a shift of all logits
                assert not torch.equal(value, end[name][key]), f"{name} {key} did not move"
    assert {"pixel", "perceptual", "adversarial", "discriminator"} <= set(seen[-1].values)


def _gan_stage(make_settings, **fields) -> Stage:
    settings = make_settings(**fields)
    torch.manual_seed(0)
    generator = RRDBNet(2, features=8, blocks=1, growth=4)
    vgg = random_vgg19(list(settings.perceptual_layers), 0)
    return esrgan.gan_stage(settings, generator, Frozen(vgg))


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


def test_divergence_stops_and_keeps_the_last_good_state(
    tmp_path: Path, data, make_settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = esrgan.pixel_loss
    calls = []

    def breaks_at_the_fifth(*given) -> torch.Tensor:
        calls.append(1)
        return real(*given) * (float("nan") if len(calls) == 5 else 1)

    monkeypatch.setattr(esrgan, "pixel_loss", breaks_at_the_fifth)
    settings = make_settings(psnr=8, gan=0, save_every=2, log_every=3)
    with pytest.raises(TrainingError) as caught:
        train(*data, settings, tmp_path)
    assert str(caught.value) == (
        "psnr stage, step 6: the pixel loss is nan; the last good state is "
        f"{tmp_path / 'checkpoint.pt'}: lower psnr.learning_rate and train on from it with --resume"
    )
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 4
    assert all(
        v.isfinite().all() for v in load_network(tmp_path / "weights.safetensors").parameters()
    )
    monkeypatch.undo()
    lower = {"steps": 8, "learning_rate": 1e-5, "betas": [0.9, 0.99], "milestones": []}
    train(*data, make_settings(psnr=lower, gan=0), tmp_path, resume=True)


def test_divergence_before_any_state_is_saved_offers_none_to_go_on_from(
    tmp_path: Path, data, make_settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = esrgan.pixel_loss
    monkeypatch.setattr(esrgan, "pixel_loss", lambda *given: real(*given) * float("nan"))
    with pytest.raises(TrainingError) as caught:
        train(*data, make_settings(psnr=8, gan=0), tmp_path)
    assert str(caught.value) == (
        "psnr stage, step 1: the pixel loss is nan; no state was saved yet: lower "
        "psnr.learning_rate and train anew"
    )
    monkeypatch.undo()
    lower = {"steps": 1, "learning_rate": 1e-5, "betas": [0.9, 0.99], "milestones": []}
    train(*data, make_settings(psnr=lower, gan=0), tmp_path)


def test_a_damaged_state_costs_the_steps_since_the_one_before(
    tmp_path: Path, data, make_settings
) -> None:
    settings = make_settings(psnr=5, gan=0, save_every=2)
    whole = train(*data, settings, tmp_path / "whole")

    def stop(now: Progress) -> None:
        if now.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(*data, settings, tmp_path / "run", progress=stop)
    state = tmp_path / "run" / "checkpoint.pt"
    state.write_bytes(state.read_bytes()[:-100])
    again = train(*data, settings, tmp_path / "run", resume=True)
    assert again.read_bytes() == whole.read_bytes()
    records = [(tmp_path / n / "log" / "metrics.jsonl").read_text() for n in ("whole", "run")]
    assert records[0] == records[1]


def test_weights_that_are_not_finite_are_never_saved(
    tmp_path: Path, data, make_settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = esrgan.pixel_loss
    monkeypatch.setattr(esrgan, "pixel_loss", lambda *given: real(*given) * float("nan"))
    with pytest.raises(
        TrainingError, match=r"step 2: the generator's weights are not finite; no s"
    ):
        train(*data, make_settings(psnr=8, gan=0, log_every=7), tmp_path)
    assert not (tmp_path / "weights.safetensors").exists()


def test_seeds_differ_and_no_global_state_is_used(tmp_path: Path, data, make_settings) -> None:
    torch.manual_seed(1)
    first = train(*data, make_settings(), tmp_path / "a")
    torch.manual_seed(2)
    before = torch.get_rng_state()
    again = train(*data, make_settings(), tmp_path / "b")
    assert torch.equal(before, torch.get_rng_state())
    other = train(*data, make_settings(seed=1), tmp_path / "c")
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()


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


@pytest.mark.parametrize("change", [{"precision": "bfloat16"}, {"clip": 1e-3}])
def test_precision_and_clipping_change_little_and_resume_to_the_bit(
    tmp_path: Path, data, make_settings, change
) -> None:
    settings = make_settings(psnr=3, gan=3, save_every=2, **change)
    whole = train(*data, settings, tmp_path / "whole")
    plain = load_network(train(*data, make_settings(psnr=3, gan=3), tmp_path / "plain"))
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
