"""One writer per store: a lock beside it, held by the process and freed by its death."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from degrade.errors import StoreError
from degrade.store.backend import local_path
from degrade.store.remote_lock import held


@contextmanager
def exclusive(location: str) -> Iterator[None]:
    """Hold a store for writing while the block runs.

    The operating system frees a local store's lock when its holder dies, however it dies, so a
    lock file that such a one left behind means nothing; others delete it, and the folders that were
    made for it, unless they hold something by then. It lies beside the store: the store's own bytes
    must not depend on who wrote them.

    Raises:
        StoreError: Another process is writing; the text names its host and process.
    """
    folder = local_path(location)
    if folder is None:
        with held(location):
            yield
        return
    path = Path(f"{folder}.lock")
    made = [parent for parent in path.parents if not parent.exists()]
    try:
        with _taken(path, location):
            yield
    finally:
        for parent in made:  # innermost first; those of a store that was made are not empty
            with suppress(OSError):
                parent.rmdir()


@contextmanager
def _taken(path: Path, location: str) -> Iterator[None]:
    """Hold the lock, with who holds it in its file, and delete the file."""
    try:
        lock = _acquired(path)
    except Timeout:
        holder = _holder(path) or "another process"
        raise StoreError(
            f"{location}: {holder} is writing to it; wait until it is done, or use another --store"
        ) from None
    except OSError as error:
        raise StoreError(
            f"{location}: cannot write here ({error.strerror or error}); pick another --store"
        ) from error
    with lock:
        try:
            _sign(path, location)
            yield
        finally:
            # Before the lock is given up, so that it is never another's file that is deleted.
            with suppress(OSError):
                path.unlink()


def _sign(path: Path, location: str) -> None:
    try:
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"{location}: cannot write here ({error.strerror or error}); make room or pick "
            "another --store, then run the same command again"
        ) from error


def _acquired(path: Path) -> FileLock:
    """Take the lock on the file that lies at the path; a last holder may just have deleted it."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as seen:  # while open, no other file has its number
            lock = FileLock(path, blocking=False)
            lock.acquire()
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(seen.fileno()), path.stat()):
                    return lock
            lock.release()


def _holder(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8").strip()
    return ""
