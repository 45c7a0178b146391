"""A file of weights: replaced whole or left with an error that says so, and known by its hash."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError

from degrade.atomic_file import replacing
from degrade.errors import TrainingError


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


@dataclass(frozen=True)
class WeightsFile:
    """Which file weights were read from."""

    path: Path
    sha256: str


def weights_file(path: Path) -> WeightsFile:
    """Return a file with its hash."""
    return WeightsFile(path, file_sha256(path))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
