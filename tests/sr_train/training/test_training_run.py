"""A run, shown with ESRGAN: its records, resuming to the bit, refusals, what divergence leaves.

What the tests look at only is one finished run; those that go on from it take a copy.
"""

import json
import shutil
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
import yaml

from degrade.errors import SettingsError, TrainingError, WeightsError
from sr_train.methods import esrgan
from sr_train.network_files import load_network
from sr_train.settings.esrgan import EsrganSettings
from sr_train.training.checkpoint import FILE_NAME, load_checkpoint, save_checkpoint
from sr_train.training.loop import Progress
from tests import fresh
from tests.sr_train.small_runs import Stopped, run_to_be_killed, stop_at, train

pytestmark = pytest.mark.usefixtures("narrow_critic")


@dataclass(frozen=True)
class Finished:
    """A run with the settings that tests have unless they say others, and what it told."""

    settings: EsrganSettings
    path: Path
    seen: list[Progress]


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, narrow_critic, data, make_settings
) -> Finished:
    settings, seen = make_settings(), []
    folder = tmp_path_factory.mktemp("finished") / "run"
    path = train(*data, settings, folder, provenance={"store": "x"}, progress=seen.append)
    return Finished(settings, path, seen)


@pytest.fixture
def copied(finished: Finished, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished.path.parent, tmp_path / "copied"))


def test_a_run_leaves_its_records(finished: Finished) -> None:
    settings, path, seen = finished.settings, finished.path, finished.seen
    assert path.name == "weights.safetensors"
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


def test_learning_rates_follow_each_stages_milestones(finished: Finished) -> None:
    lines = (finished.path.parent / "log" / "metrics.jsonl").read_text().splitlines()
    rates = [r["learning_rate"] for r in map(json.loads, lines) if "learning_rate" in r]
    assert rates == [1e-3, 1e-3, 5e-4, 1e-3, 1e-3]


@pytest.mark.parametrize(("ema", "stops"), [(0.9, (3, 5)), (0.0, (2,))])
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


KILLED = """
import os, signal, sys
from pathlib import Path
from sr_train.methods import esrgan
from tests.sr_train.small_runs import NarrowCritic, run_to_be_killed
esrgan.PatchDiscriminator = NarrowCritic
def kill(now):
    if now.step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
run_to_be_killed(Path(sys.argv[1]), progress=kill)
"""


def test_killed_and_resumed_is_the_same_to_the_bit(tmp_path: Path) -> None:
    ended = fresh.run(KILLED, "run", cwd=tmp_path)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert (tmp_path / "run" / "checkpoint.pt").exists()
    killed = run_to_be_killed(tmp_path / "run", resume=True)
    assert killed.read_bytes() == run_to_be_killed(tmp_path / "whole").read_bytes()


def test_resuming_a_finished_run_changes_nothing(copied: Path, data, make_settings) -> None:
    path = copied / "weights.safetensors"
    before = path.read_bytes()
    assert train(*data, make_settings(), copied, resume=True) == path
    assert path.read_bytes() == before


def test_a_finished_run_can_be_made_longer(
    copied: Path, tmp_path: Path, data, make_settings
) -> None:
    longer = train(*data, make_settings(gan=4), copied, resume=True)
    whole = train(*data, make_settings(gan=4), tmp_path / "whole")
    assert longer.read_bytes() == whole.read_bytes()


def test_seeds_differ_and_no_global_state_is_used(
    finished: Finished, tmp_path: Path, data, make_settings
) -> None:
    torch.manual_seed(2)
    before = torch.get_rng_state()
    again = train(*data, make_settings(), tmp_path / "b")
    assert torch.equal(before, torch.get_rng_state())
    other = train(*data, make_settings(seed=1), tmp_path / "c")
    assert finished.path.read_bytes() == again.read_bytes() != other.read_bytes()


def test_resuming_something_else_is_refused(finished: Finished, data, make_settings) -> None:
    folder = finished.path.parent
    pairs, noise = data
    with pytest.raises(TrainingError) as caught:
        train(
            replace(pairs, content="others"),
            noise,
            make_settings(batch=3, log_every=7),
            folder,
            resume=True,
        )
    assert str(caught.value) == (
        f"{folder}: the checkpoint is of another run: batch was 2, is 3; the store's pairs or "
        "noise are others; give the settings it began with, or pass --overwrite to train anew"
    )


def test_fields_that_came_after_a_run_began_were_their_defaults(
    copied: Path, data, make_settings
) -> None:
    path = copied / FILE_NAME
    before = load_checkpoint(path)
    kept = {name: value for name, value in before.settings.items() if name != "random_share"}
    save_checkpoint(path, replace(before, settings=kept))
    assert train(*data, make_settings(), copied, resume=True).is_file()
    with pytest.raises(TrainingError, match=r"another run: random_share was 0\.0, is 0\.5; give"):
        train(*data, make_settings(random_share=0.5), copied, resume=True)
    save_checkpoint(path, replace(before, settings={**kept, "gone": 1}))
    with pytest.raises(TrainingError, match=r"another run: gone was 1, is None; give"):
        train(*data, make_settings(), copied, resume=True)


def test_a_folder_with_a_run_is_not_overwritten(finished: Finished, data) -> None:
    with pytest.raises(TrainingError, match=r"holds a run already; go on with --resume, or train"):
        train(*data, finished.settings, finished.path.parent)


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
