"""One writer per store: a lock beside it, held by the process and freed by its death."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from degrade.errors import StoreError
from degrade.store.backend import local_path
from degrade.store.remote_lock import held


@contextmanager
def exclusive(location: str) -> Iterator[None]:
    """Hold a store for writing while the block runs.

    The operating system frees a local store's lock when its holder dies, however it dies, so a
    lock file that was left behind means nothing. It lies beside the store: the store's own bytes
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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, blocking=False).acquire()
    except Timeout:
        holder = path.read_text(encoding="utf-8").strip() or "another process"
        raise StoreError(
            f"{location}: {holder} is writing to it; wait until it is done, or use another --store"
        ) from None
    except OSError as error:
        raise StoreError(
            f"{location}: cannot write here ({error.strerror or error}); pick another --store"
        ) from error
    with lock:
        try:
            path.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"{location}: cannot write here ({error.strerror or error}); make room or pick "
                "another --store, then run the same command again"
            ) from error
        try:
            yield
        finally:
            path.write_text("", encoding="utf-8")
