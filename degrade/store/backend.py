"""Where a store's bytes go: a local folder, each write flushed to the disk, or a remote URL."""

import asyncio
import os
from pathlib import Path

from zarr.abc.store import Store
from zarr.core.buffer import Buffer
from zarr.storage import FsspecStore, LocalStore

from degrade.errors import StoreError


def is_remote(location: str) -> bool:
    """Return whether a store's location is a URL such as ``s3://bucket/name``."""
    return "://" in location and not location.startswith("file://")


def zarr_store(location: str, *, read_only: bool = False) -> Store:
    """Return Zarr's view of a location."""
    if is_remote(location):
        try:
            return FsspecStore.from_url(location, read_only=read_only)
        except (ImportError, ValueError) as error:
            raise StoreError(
                f"{location}: cannot be opened ({error}); remote stores need the extra "
                '`pip install "degrade[remote]"` and a protocol that fsspec knows'
            ) from error
    return FlushedStore(location, read_only=read_only)


class FlushedStore(LocalStore):
    """A local store whose files are on the disk when a write returns.

    Zarr renames a file written aside onto its place, but leaves the flushing to the system; a
    power loss soon after could leave an empty file under a final name.
    """

    async def set(self, key: str, value: Buffer) -> None:
        """Write a file and flush it."""
        await super().set(key, value)
        await asyncio.to_thread(_flush, self.root / key)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
