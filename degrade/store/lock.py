"""One writer per store: a lock beside it, freed by its holder's death; a remote one is renewed."""

import json
import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from degrade.errors import StoreError
from degrade.store.backend import describe, filesystem_at, local_path, storage_errors


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


RENEWED_EVERY = 30.0
STALE_AFTER = 150.0
"""Seconds without renewal after which a holder counts as dead."""


@dataclass(frozen=True)
class _Holder:
    host: str
    process: int
    token: str

    def lives_here(self) -> bool | None:
        """Return whether the process runs on this machine; None if it is another machine's."""
        if self.host != socket.gethostname():
            return None
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True


@contextmanager
def held(location: str) -> Iterator[None]:
    """Hold a remote store for writing while the block runs.

    No server frees the lock of a process that died: on the same machine its death is seen, on
    another it shows by the lock not being renewed. Two processes that take over the same dead
    lock within the same instant are distinguished only by servers with conditional writes.

    Raises:
        StoreError: Another process is writing, or the place cannot be written to.
    """
    if not urlsplit(location).path.strip("/"):
        raise StoreError(
            f"{location}: is a whole bucket; name the store in it, as in s3://bucket/name"
        )
    me = _Holder(socket.gethostname(), os.getpid(), uuid.uuid4().hex)
    try:
        _take(location, me)
    except storage_errors() as error:
        raise StoreError(
            f"{location}: cannot write here ({describe(error)}); check that the bucket is there "
            "and your access to it, or pick another --store"
        ) from error
    done = Event()
    renewal = Thread(target=_renew, args=(location, me, done), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        done.set()
        renewal.join()
        _release(location, me)


def _take(location: str, me: _Holder) -> None:
    filesystem, key = filesystem_at(f"{location.rstrip('/')}.lock")
    found = _read(location)
    if found is not None:
        holder, renewed = found
        idle = time.time() - renewed
        if holder.lives_here() is not False and idle < STALE_AFTER:
            raise StoreError(
                f"{location}: process {holder.process} on {holder.host} is writing to it (seen "
                f"{max(0.0, idle):.0f} s ago); wait until it is done, or use another --store; the "
                f"lock of a dead process is ignored after {STALE_AFTER:.0f} s"
            )
        filesystem.rm_file(key)
    try:
        filesystem.pipe_file(key, _encode(me), mode="create")
    except FileExistsError:
        raise StoreError(
            f"{location}: another process has just begun to write to it; wait until it is done, or "
            "use another --store"
        ) from None


def _read(location: str) -> tuple[_Holder, float] | None:
    """Return who holds the lock and when that was last renewed; None if nobody does."""
    filesystem, key = filesystem_at(f"{location.rstrip('/')}.lock")
    try:
        found = json.loads(filesystem.cat_file(key))
    except FileNotFoundError:
        return None
    renewed = float(found.pop("time"))
    return _Holder(**found), renewed


def _renew(location: str, me: _Holder, done: Event) -> None:
    filesystem, key = filesystem_at(f"{location.rstrip('/')}.lock")
    while not done.wait(RENEWED_EVERY):
        try:
            found = _read(location)
            if found is None or found[0] != me:
                return
            filesystem.pipe_file(key, _encode(me))
        except storage_errors():
            continue  # the next renewal may get through before the lock counts as stale


def _release(location: str, me: _Holder) -> None:
    filesystem, key = filesystem_at(f"{location.rstrip('/')}.lock")
    try:
        found = _read(location)
        if found is not None and found[0] == me:
            filesystem.rm_file(key)
    except storage_errors():
        return  # it goes stale by itself


def _encode(holder: _Holder) -> bytes:
    return json.dumps({**asdict(holder), "time": time.time()}).encode()
