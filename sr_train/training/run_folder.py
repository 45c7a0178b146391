"""A run's folder: opened for a new run, gone on from, or emptied."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from degrade.errors import TrainingError
from sr_train.settings.common import TrainingSettings
from sr_train.training.checkpoint import (
    FILE_NAME,
    OLDER_NAME,
    Checkpoint,
    is_saved,
    load_checkpoint,
)
from sr_train.training.run_log import RunLog, write_provenance, write_settings

FREE_FIELDS = {"device", "threads", "log_every", "save_every", "validate_every", "validation_tiles"}
"""Settings that may differ between a run and its resumption, besides those of later stages."""


def open_folder(
    folder: Path,
    settings: TrainingSettings,
    state: Checkpoint | None,
    provenance: Mapping[str, Any],
) -> RunLog:
    """Write the run's settings, and its provenance if it is new; return its log.

    Raises:
        TrainingError: The folder holds a run and none is resumed, or it cannot be written.
    """
    if not state and is_saved(folder):
        raise TrainingError(
            f"{folder}: holds a run already; go on with --resume, or train anew with --overwrite"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_settings(folder, settings.model_dump(mode="json"))
        if not state:
            write_provenance(folder, provenance)
        return RunLog(folder, steps_done(state, settings))
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be written ({error}); choose another") from error


def drop_run(folder: Path) -> None:
    """Delete what an earlier run left in a folder."""
    for path in (folder / FILE_NAME, folder / OLDER_NAME, *folder.glob("weights*.safetensors")):
        path.unlink(missing_ok=True)
    for name in ("log", "samples"):
        shutil.rmtree(folder / name, ignore_errors=True)


def steps_done(state: Checkpoint | None, settings: TrainingSettings) -> int:
    """Return how many of the run's steps a checkpoint has behind it."""
    return state.step + steps_before(settings, state.stage) if state else 0


def steps_before(settings: TrainingSettings, stage: str) -> int:
    """Return how many steps the stages before one have."""
    names = list(settings.stages)
    return sum(settings.stages[name].steps for name in names[: names.index(stage)])


def state_to_resume(folder: Path, settings: TrainingSettings, content: str) -> Checkpoint:
    """Return the folder's checkpoint.

    Raises:
        TrainingError: There is none, or it is of a run with other settings or data.
    """
    state = load_checkpoint(folder / FILE_NAME)
    asked = settings.model_dump(mode="json")
    names = list(settings.stages)
    later = names[names.index(state.stage) :] if state.stage in names else []
    changed = [
        f"{name} was {was}, is {asked.get(name)}"
        for name, was in _completed(state.settings, settings).items()
        if name not in {*FREE_FIELDS, *later} and asked.get(name) != was
    ]
    if state.content != content:
        changed.append("the store's pairs or noise are others")
    if changed:
        raise TrainingError(
            f"{folder}: the checkpoint is of another run: {'; '.join(changed)}; "
            "give the settings it began with, or pass --overwrite to train anew"
        )
    return state


def _completed(saved: Mapping[str, Any], settings: TrainingSettings) -> Mapping[str, Any]:
    """Return saved settings with the defaults of fields that there are since, where they fit."""
    try:
        return type(settings).model_validate(saved).model_dump(mode="json")
    except ValidationError:
        return saved
