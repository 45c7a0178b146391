"""Shared parts: schedule, average, checkpoint, log."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from degrade.errors import TrainingError
from sr_train.parts import checkpoint
from sr_train.parts.checkpoint import (
    Checkpoint,
    load_checkpoint,
    lost_state,
    save_checkpoint,
)
from sr_train.parts.log import RunLog, grid
from sr_train.parts.loop import prefetched
from sr_train.parts.optimisers import (
    multistep,
    prepare_gradients,
    rate_at,
    start_average,
    update_average,
)
from sr_train.settings.common import StageSettings


def test_multistep_is_torchs() -> None:
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.4)
    reference = torch.optim.lr_scheduler.MultiStepLR(optimiser, [2, 5], 0.5)
    for step in range(8):
        assert multistep(0.4, step, [2, 5], 0.5) == pytest.approx(reference.get_last_lr()[0])
        optimiser.step()
        reference.step()


def test_average_follows_with_a_rising_decay() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = start_average(network, 0.5)
    expected = 0.0
    for step, value in enumerate((1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0)):
        nn.init.constant_(network.weight, value)
        update_average(average, network, 0.5, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        assert average.weight.item() == pytest.approx(expected, rel=1e-6)


def test_no_average_is_the_network_itself() -> None:
    network = nn.Linear(1, 1)
    assert start_average(network, 0.0) is network
    update_average(network, network, 0.0, 0)


def _checkpoint() -> Checkpoint:
    return Checkpoint("gan", 3, {"crop": 8}, "hash", {"generator": {"w": torch.ones(2)}}, {})


def test_checkpoint_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, _checkpoint())
    found = load_checkpoint(path)
    assert (found.stage, found.step, found.settings, found.content) == (
        "gan",
        3,
        {"crop": 8},
        "hash",
    )
    assert torch.equal(found.networks["generator"]["w"], torch.ones(2))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_bad_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(
        TrainingError, match=r"no checkpoint to resume from; train without --resume"
    ):
        load_checkpoint(path)
    for content in (b"", b"nonsense"):
        path.write_bytes(content)
        with pytest.raises(TrainingError, match=r"not a readable checkpoint, and no older"):
            load_checkpoint(path)
    torch.save([1], path)
    with pytest.raises(TrainingError, match="not a readable checkpoint"):
        load_checkpoint(path)
    monkeypatch.setattr(checkpoint, "VERSION", 2)
    save_checkpoint(path, _checkpoint())
    monkeypatch.setattr(checkpoint, "VERSION", 1)
    with pytest.raises(TrainingError, match="checkpoint version 2, this program reads 1"):
        load_checkpoint(path)


@pytest.mark.parametrize("links", [True, False])
def test_of_the_last_two_states_the_older_serves_where_the_newer_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:

        def refused(*_: object) -> None:
            raise OSError("no links here")

        monkeypatch.setattr("os.link", refused)
    path = tmp_path / "checkpoint.pt"
    for step in (1, 2, 3):
        save_checkpoint(path, replace(_checkpoint(), step=step))
    assert {p.name for p in tmp_path.iterdir()} == {"checkpoint.pt", "checkpoint_older.pt"}
    assert load_checkpoint(path).step == 3
    assert lost_state(path) is None
    path.write_bytes(path.read_bytes()[:-200])
    assert load_checkpoint(path).step == 2
    told = f"{path}: is damaged; went on from the state before it, gan step 2"
    assert lost_state(path) == told
    path.unlink()
    assert load_checkpoint(path).step == 2


def test_full_disk_keeps_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, _checkpoint())

    def full(state: object, target: Path) -> None:
        target.write_bytes(b"half")
        raise RuntimeError("PytorchStreamWriter failed writing file")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingError, match=r"checkpoint.pt: cannot be written .*; free space"):
        save_checkpoint(path, _checkpoint())
    monkeypatch.undo()
    assert load_checkpoint(path).step == 3
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_log_drops_what_a_dead_run_wrote_after_its_checkpoint(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.values("psnr", step, {"pixel": 0.5 * step})
    log.close()
    lines = tmp_path / "log" / "metrics.jsonl"
    lines.write_text(lines.read_text() + '{"stage": "ps')
    log = RunLog(tmp_path, 2)
    log.values("gan", 3, {"pixel": 9.0})
    log.close()
    assert [json.loads(line) for line in lines.read_text().splitlines()] == [
        {"stage": "psnr", "step": 1, "pixel": 0.5},
        {"stage": "psnr", "step": 2, "pixel": 1.0},
        {"stage": "gan", "step": 3, "pixel": 9.0},
    ]


def test_tensorboard_reads_scalars_and_pictures(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = RunLog(tmp_path, 0)
    log.values("gan", 5, {"pixel": 0.25})
    log.pictures(5, torch.rand(2, 3, 4, 4), torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8))
    log.close()
    events = EventAccumulator(str(tmp_path / "log"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("gan/pixel")] == [(5, 0.25)]
    assert events.Images("samples")[0].step == 5
    assert Image.open(tmp_path / "samples" / "00000005.png").size == (24, 16)


def test_grid_shows_lr_sr_hr_side_by_side() -> None:
    lr, hr = torch.full((1, 3, 1, 1), 0.2), torch.full((1, 3, 2, 2), 1.0)
    sr = torch.tensor([[0.0, 0.5], [2.0, -1.0]]).expand(1, 3, 2, 2)
    expected = [[51, 51, 0, 128, 255, 255], [51, 51, 255, 0, 255, 255]]
    assert grid(lr, sr, hr)[..., 1].tolist() == expected


def test_cosine_is_torchs_with_its_restarts_and_warm_up() -> None:
    stage = StageSettings(
        steps=12,
        learning_rate=0.4,
        betas=(0.9, 0.99),
        milestones=(),
        schedule="cosine",
        periods=2,
        final_rate=0.1,
    )
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.4)
    reference = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, 6, eta_min=0.1)
    for step in range(12):
        assert rate_at(stage, step) == pytest.approx(reference.get_last_lr()[0])
        warming = stage.model_copy(update={"warm_up": 3})
        assert rate_at(warming, step) == pytest.approx(
            rate_at(stage, step) * min(1, (step + 1) / 4)
        )
        optimiser.step()
        reference.step()


def test_gradients_are_clipped_before_the_step() -> None:
    weights = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))]
    optimiser = torch.optim.SGD(weights, lr=1.0)
    prepare_gradients(optimiser, clip=2.5)
    weights[0].grad, weights[1].grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
    optimiser.step()
    torch.testing.assert_close(torch.cat([*weights]).detach(), -torch.tensor([1.5, 0.0, 2.0]))


def test_things_are_made_ahead_in_order_and_errors_come_through() -> None:
    asked = []

    def make(number: int) -> int:
        asked.append(number)
        if number == 5:
            raise ValueError("five")
        return number * number

    with prefetched(make, range(3)) as squares:
        assert list(squares) == [0, 1, 4]
    with prefetched(make, range(4, 9)) as squares:
        assert next(squares) == 16
        with pytest.raises(ValueError, match="five"):
            next(squares)
    assert 8 not in asked, "it stops with the first error"
