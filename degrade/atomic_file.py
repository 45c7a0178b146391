"""Files that are whole or absent: written aside, flushed to the disk, then renamed."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, lasting: bool = True) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it replaces ``path`` when the block succeeds.

    If the block fails, or the process dies in it, ``path`` is as it was before. Unless
    ``lasting``, a power loss may leave it truncated: for files that check themselves and can be
    made again.
    """
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        yield aside
        if lasting:
            flush(aside)
        aside.replace(path)
        if lasting:
            flush(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Wait until a file's bytes, or a folder's list of names, are on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders; its file system keeps their order itself
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_partials(folder: Path) -> None:
    """Delete what killed processes were writing aside in a folder; no other may be writing."""
    for left in folder.glob(".*.partial"):
        left.unlink()
