"""A run's records: metrics as lines of JSON and in tensorboard, sample pictures, provenance."""

import json
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import safetensors
import torch
import yaml
from torch import Tensor
from torch.nn import functional as F

import degrade
from degrade.arrays import U8
from degrade.errors import TrainingError
from degrade.images.write import write_png

SOFTWARE = (degrade, torch, np, cv2, safetensors)
"""Packages whose versions are recorded."""

LEAST_FREE = 2**17
"""Bytes of disk below which nothing is recorded: tensorboard's thread dies of a full disk."""


class RunLog:
    """Writes ``log/`` (``metrics.jsonl`` and tensorboard's events) and ``samples/`` of a run.

    Args:
        folder: The run's folder.
        step: Steps done before; records of later ones, left by a run that died, are dropped.
    """

    def __init__(self, folder: Path, step: int) -> None:
        # Loaded where it is written to: a plan looks at a run's folder and needs none of it.
        from torch.utils.tensorboard import SummaryWriter

        self._lines = folder / "log" / "metrics.jsonl"
        self._samples = folder / "samples"
        for part in (self._lines.parent, self._samples):
            part.mkdir(exist_ok=True)
        self._check_disk()
        _drop_after(self._lines, step)
        self._board = SummaryWriter(str(folder / "log"), purge_step=step + 1)

    def values(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Record named numbers after ``step`` steps of the run.

        Raises:
            TrainingError: The disk is full.
        """
        self._check_disk()
        with self._lines.open("a") as file:
            file.write(json.dumps({"stage": stage, "step": step, **values}) + "\n")
        for name, value in values.items():
            self._board.add_scalar(f"{stage}/{name}", value, step)
        self._board.flush()

    def pictures(self, step: int, lr: Tensor, sr: Tensor, hr: Tensor) -> None:
        """Record one row per pair: LR enlarged, SR, HR; batches NCHW in [0, 1]."""
        self._check_disk()
        picture = grid(lr, sr, hr)
        write_png(self._samples / f"{step:08d}.png", picture)
        self._board.add_image("samples", picture, step, dataformats="HWC")

    def _check_disk(self) -> None:
        if shutil.disk_usage(self._samples).free < LEAST_FREE:
            raise TrainingError(
                f"{self._samples.parent}: cannot be written (no space left on the disk); make "
                "room, then go on with --resume"
            )

    def close(self) -> None:
        """Flush tensorboard's file."""
        self._board.close()


def grid(lr: Tensor, sr: Tensor, hr: Tensor) -> U8:
    """Return rows of (LR by nearest neighbour, SR, HR), one per pair, as one uint8 HWC picture."""
    enlarged = F.interpolate(lr, size=hr.shape[-2:], mode="nearest")
    rows = torch.cat((enlarged, sr, hr), 3).permute(0, 2, 3, 1).flatten(0, 1)
    picture: U8 = (rows.clamp(0, 1).cpu().numpy() * 255 + 0.5).astype(np.uint8)
    return picture


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write ``settings.yaml``, which can be given as ``--config``."""
    (folder / "settings.yaml").write_text(yaml.safe_dump(dict(settings), sort_keys=False))


def write_provenance(folder: Path, data: Mapping[str, Any]) -> None:
    """Write ``provenance.json``: the data, and the versions of the software."""
    software = {module.__name__: str(module.__version__) for module in SOFTWARE}
    software["python"] = platform.python_version()
    text = json.dumps({"data": dict(data), "software": software}, indent=2)
    (folder / "provenance.json").write_text(text + "\n")


def _drop_after(lines: Path, step: int) -> None:
    if lines.is_file():
        kept = [line for line in lines.read_text().splitlines() if _step_of(line) <= step]
        lines.write_text("".join(f"{line}\n" for line in kept))


def _step_of(line: str) -> float:
    """Return a record's step; a line cut short by a kill counts as later than all."""
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return float("inf")
