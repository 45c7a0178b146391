"""Hashes of files, by which weights are told apart."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


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
