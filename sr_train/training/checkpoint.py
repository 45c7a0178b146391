"""Checkpoints: all that a stage needs to go on exactly; the last two, each whole or absent."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from degrade.errors import TrainingError
from sr_train.weights.tensor_files import UNREADABLE
from sr_train.weights.weights_file import replace_file

FILE_NAME = "checkpoint.pt"
OLDER_NAME = "checkpoint_older.pt"
"""The state before the last one, for when that is damaged."""
VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """State after ``step`` steps of ``stage``; random draws need none, being functions of the step.

    ``settings`` and ``content`` (hash of the data) say which run it belongs to.
    """

    stage: str
    step: int
    settings: dict[str, Any]
    content: str
    networks: dict[str, dict[str, Any]]
    optimisers: dict[str, dict[str, Any]]

    def restore(
        self, networks: Mapping[str, nn.Module], optimisers: Mapping[str, Optimizer]
    ) -> None:
        """Put the state back into the same set of networks and optimisers."""
        for name, network in networks.items():
            network.load_state_dict(self.networks[name])
        for name, optimiser in optimisers.items():
            optimiser.load_state_dict(self.optimisers[name])


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace ``path`` whole, and keep what it held; both stay if writing fails."""
    with replace_file(path) as aside:
        torch.save({"version": VERSION, **vars(checkpoint)}, aside)
        if path.is_file():
            _keep(path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, or where it is damaged the one before; no pickled code, all on the CPU.

    Raises:
        TrainingError: No such file, none that is readable, or one of another version.
    """
    older = path.with_name(OLDER_NAME)
    for each in (path, older):
        if each.is_file() and (found := _read(each)) is not None:
            return found
    if not path.is_file() and not older.is_file():
        raise TrainingError(f"{path}: no checkpoint to resume from; train without --resume")
    raise TrainingError(
        f"{path}: not a readable checkpoint, and no older one is; the run's weights are not in it: "
        "train from them with --init WEIGHTS under another --name"
    )


def lost_state(path: Path) -> str | None:
    """Return a line that says what resuming leaves out, None if the last state is there."""
    if not path.with_name(OLDER_NAME).is_file() or _read(path) is not None:
        return None
    found = load_checkpoint(path)
    return f"{path}: is damaged; went on from the state before it, {found.stage} step {found.step}"


def is_saved(folder: Path) -> bool:
    """Return whether a run's folder holds a state, readable or not."""
    return any((folder / name).is_file() for name in (FILE_NAME, OLDER_NAME))


def _read(path: Path) -> Checkpoint | None:
    """Return a file's checkpoint, None if it is absent or damaged."""
    try:
        found = dict(torch.load(path, map_location="cpu", weights_only=True))
        version = found.pop("version")
    except (*UNREADABLE, KeyError, TypeError):
        return None
    if version != VERSION:
        raise TrainingError(f"{path}: checkpoint version {version}, this program reads {VERSION}")
    try:
        return Checkpoint(**found)
    except TypeError:
        return None


def _keep(path: Path) -> None:
    """Let the older file be what ``path`` is now."""
    older = path.with_name(OLDER_NAME)
    spare = path.with_name(f".{OLDER_NAME}.partial")
    spare.unlink(missing_ok=True)
    try:
        os.link(path, spare)
    except OSError:  # a file system without links: for a moment the state is under this name alone
        path.replace(older)
    else:
        spare.replace(older)
