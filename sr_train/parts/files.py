"""A run's files: replaced whole, or left as they were with an error that says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from degrade.errors import TrainingError
from degrade.whole_file import replacing


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it replaces ``path`` when the block succeeds.

    Raises:
        TrainingError: The file could not be written (disk full, no permission); ``path`` is as it
            was before.
    """
    try:
        with replacing(path) as aside:
            yield aside
    except (OSError, RuntimeError, SafetensorError) as error:
        # torch and safetensors report a full disk by errors of their own.
        raise TrainingError(
            f"{path}: cannot be written ({error}); free space or choose another folder"
        ) from error
