"""Files that are whole or absent: written aside, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from degrade.errors import TrainingError


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it replaces ``path`` when the block succeeds.

    Raises:
        TrainingError: The file could not be written (disk full, no permission); ``path`` is as it
            was before.
    """
    aside = path.with_name(f".{path.name}.partial")
    try:
        yield aside
        _flush(aside)
        aside.replace(path)
    except (OSError, RuntimeError, SafetensorError) as error:
        # torch and safetensors report a full disk by errors of their own.
        aside.unlink(missing_ok=True)
        raise TrainingError(
            f"{path}: cannot be written ({error}); free space or choose another folder"
        ) from error


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
