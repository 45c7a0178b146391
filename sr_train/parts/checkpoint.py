"""Checkpoints: all that a stage needs to go on exactly, in one file that is whole or absent."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from degrade.errors import TrainingError
from sr_train.parts.files import replace_file

FILE_NAME = "checkpoint.pt"
VERSION = 1

UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, LookupError, pickle.UnpicklingError)
"""What torch.load raises on damaged files and on pickled code."""


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
    """Replace ``path`` whole; the file before it stays if writing fails."""
    with replace_file(path) as aside:
        torch.save({"version": VERSION, **vars(checkpoint)}, aside)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, tensors on the CPU, no pickled code.

    Raises:
        TrainingError: No such file, unreadable, or of another version.
    """
    if not path.is_file():
        raise TrainingError(f"{path}: no checkpoint to resume from; train without --resume")
    try:
        found = dict(torch.load(path, map_location="cpu", weights_only=True))
        version = found.pop("version")
    except (*UNREADABLE, KeyError, TypeError) as error:
        raise TrainingError(
            f"{path}: not a readable checkpoint; delete the run's folder and train anew"
        ) from error
    if version != VERSION:
        raise TrainingError(f"{path}: checkpoint version {version}, this program reads {VERSION}")
    return Checkpoint(**found)
