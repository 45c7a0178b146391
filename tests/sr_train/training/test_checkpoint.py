"""Checkpoints: round trips, damage, the older state, a full disk."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from degrade.errors import TrainingError
from sr_train.training import checkpoint
from sr_train.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    lost_state,
    save_checkpoint,
)


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
    reported = f"{path}: is damaged; went on from the state before it, gan step 2"
    assert lost_state(path) == reported
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
