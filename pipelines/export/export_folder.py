"""The folder of an export: marked while unfinished, so that nothing half-written looks whole."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from degrade.atomic_file import replacing, sweep_partials
from degrade.errors import DegradeError, SettingsError
from degrade.store.backend import describe

UNFINISHED = "UNFINISHED"
FINISHED = ".degrade-export.json"
"""Hidden, because `datasets` takes a visible JSON file beside Parquet files for data."""


@contextmanager
def exporting(folder: Path, identity: Mapping[str, Any], *, overwrite: bool) -> Iterator[bool]:
    """Claim a folder for an export and yield whether anything is left to do.

    The same export goes on where it stopped. ``identity`` (JSON-able) is kept in the folder, as
    `UNFINISHED` until the block succeeds.

    Args:
        folder: Absent, empty, or of an export.
        identity: What makes two exports the same.
        overwrite: Replace another export; a folder that is none is never touched.

    Raises:
        SettingsError: The folder holds another export, or something else.
        DegradeError: It cannot be written.
    """
    wanted = json.dumps(identity, indent=2, sort_keys=True) + "\n"
    with _writable(folder):
        done = _claim(folder, wanted, overwrite=overwrite)
        yield not done
        if not done:
            for inner in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
                sweep_partials(inner)
            (folder / UNFINISHED).replace(folder / FINISHED)


def _claim(folder: Path, wanted: str, *, overwrite: bool) -> bool:
    """Return whether the same export is there already, finished."""
    for mark in (FINISHED, UNFINISHED):
        path = folder / mark
        if path.is_file() and path.read_text() == wanted:
            return mark == FINISHED
    if folder.exists():
        _clear(folder, overwrite=overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / UNFINISHED) as aside:
        aside.write_text(wanted)
    return False


def _clear(folder: Path, *, overwrite: bool) -> None:
    if not folder.is_dir():
        raise SettingsError(f"{folder}: is a file; name a new folder")
    if not any(path for path in folder.iterdir() if not path.name.endswith(".partial")):
        return
    if not any((folder / mark).is_file() for mark in (FINISHED, UNFINISHED)):
        raise SettingsError(f"{folder}: is not empty and no export of this tool; name a new folder")
    if not overwrite:
        raise SettingsError(
            f"{folder}: holds another export; pass --overwrite to replace it, or name a new folder"
        )
    # The marks go last: killed halfway, it is still known for an export.
    for path in sorted(folder.iterdir(), key=lambda path: path.name in (FINISHED, UNFINISHED)):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DegradeError(
            f"{folder}: cannot be written ({describe(error)}); make room or check the rights, then "
            "run the same command again: it goes on where it stopped"
        ) from error
