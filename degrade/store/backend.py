"""Where a store's bytes go: a local folder, each write flushed to the disk, or a remote URL."""

import asyncio
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fsspec.core import url_to_fs
from zarr.abc.store import Store
from zarr.core.buffer import Buffer
from zarr.storage import FsspecStore, LocalStore

from degrade.errors import StoreError
from degrade.whole_file import flush

_FRESH = {"use_listings_cache": False}
"""Other processes write to the same store: a remembered listing would miss what they wrote."""


def local_path(location: str) -> Path | None:
    """Return the folder of a local store; None for a URL such as ``s3://bucket/name``.

    Raises:
        StoreError: The URL holds a password, which would end up in manifests and messages.
    """
    if "://" not in location or location.startswith("file://"):
        return Path(location.removeprefix("file://"))
    if urlsplit(location).password is not None:
        raise StoreError(
            "--store: the address holds a password; leave it out and give it where the storage's "
            "own tools look for it, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    return None


def filesystem_at(location: str, path: str = "") -> tuple[Any, str]:
    """Return fsspec's view of a path in a store: the file system and the path in it.

    Credentials come from where the protocol's own client looks for them, never from here.
    """
    local_path(location)
    place = f"{location.rstrip('/')}/{path}" if path else location.rstrip("/")
    try:
        filesystem, key = url_to_fs(place, **_FRESH)
    except (ImportError, ValueError) as error:
        raise _unknown(location, error) from error
    return filesystem, key


def read_file(location: str, name: str) -> bytes | None:
    """Return the bytes of a file in a store; None if there is none."""
    filesystem, key = filesystem_at(location, name)
    try:
        data: bytes = filesystem.cat_file(key)
    except FileNotFoundError:
        return None
    return data


def zarr_store(location: str, *, read_only: bool = False) -> Store:
    """Return Zarr's view of a location."""
    folder = local_path(location)
    if folder is not None:
        return FlushedStore(folder, read_only=read_only)
    try:
        return FsspecStore.from_url(
            location.rstrip("/"), storage_options=dict(_FRESH), read_only=read_only
        )
    except (ImportError, ValueError) as error:
        raise _unknown(location, error) from error


def _unknown(location: str, error: Exception) -> StoreError:
    return StoreError(
        f"{location}: cannot be opened ({error}); remote stores need the extra "
        '`pip install "degrade[remote]"` and a protocol that fsspec knows'
    )


def storage_errors() -> tuple[type[Exception], ...]:
    """Return what a disk, a network or a server raises when it refuses."""
    # What is not loaded cannot have raised; loading it would slow every local write.
    botocore = sys.modules.get("botocore.exceptions")
    return (OSError, botocore.BotoCoreError) if botocore else (OSError,)


def describe(error: Exception) -> str:
    """Say in a few words why the storage refused."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


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
    flush(path)
    flush(path.parent)
