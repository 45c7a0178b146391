"""Where a store is: a local folder, each write flushed to the disk, or a remote URL; opening it."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import zarr
from fsspec.core import url_to_fs
from zarr.abc.store import Store
from zarr.core.buffer import Buffer
from zarr.errors import GroupNotFoundError
from zarr.storage import FsspecStore, LocalStore

from degrade.atomic_file import flush
from degrade.errors import StoreError
from degrade.store.schema import FORMAT, GROUPS, VERSION

OWN = {"zarr.json", ".parts", *GROUPS}
"""All that this software writes at the top of a store."""
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


def remove_folder(location: str, name: str) -> None:
    """Delete a folder in a store; on a disk also that at the top, if no file is left in it."""
    filesystem, folder = filesystem_at(location, name)
    if filesystem.isdir(folder):
        filesystem.rm(folder, recursive=True)
    store = local_path(location)
    if store is None:
        return  # a server has no empty folders to leave behind
    top = store / name.split("/")[0]
    if top.is_dir() and not any(path.is_file() for path in top.rglob("*")):
        filesystem.rm(str(top), recursive=True)


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

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write a file that is not there, as Zarr does for groups around a group; and flush it."""
        await super().set_if_not_exists(key, value)
        await asyncio.to_thread(_flush, self.root / key)


def _flush(path: Path) -> None:
    flush(path)
    flush(path.parent)


def open_for_writing(location: str) -> zarr.Group:
    """Open the store, creating it where nothing is.

    Raises:
        StoreError: The path holds something else, or a newer version, or cannot be written.
    """
    path = local_path(location)
    occupied = path is not None and path.exists() and not (path / "zarr.json").exists()
    if path is not None and occupied and (path.is_file() or any(path.iterdir())):
        raise StoreError(
            f"{location}: exists and is not a degrade store; pick another path with --store"
        )
    with writing(location):
        store = zarr_store(location)
        drop_if_damaged(location, "")
        try:
            root = zarr.open_group(store, mode="r+", zarr_format=3)
        except (GroupNotFoundError, FileNotFoundError):
            if path is None and _is_occupied(location):
                raise StoreError(
                    f"{location}: exists and is not a degrade store; pick another --store"
                ) from None
            attributes = {"format": FORMAT, "version": VERSION}
            root = zarr.create_group(store, attributes=attributes, zarr_format=3)
        except ValueError as error:
            raise StoreError(
                f"{location}/zarr.json: is damaged, and the folder holds other things than a "
                "degrade store; pick another path with --store"
            ) from error
    check_format(root, location)
    return root


def open_group_for_writing(location: str, group: str) -> tuple[zarr.Group, zarr.Group | None]:
    """Return the store, opened as `open_for_writing` does, and a group of it if it is there."""
    root = open_for_writing(location)
    drop_if_damaged(location, group)
    return root, find_group(root, group)


def _is_occupied(location: str) -> bool:
    filesystem, folder = filesystem_at(location)
    return bool(filesystem.exists(folder))


def open_for_reading(location: str) -> zarr.Group:
    """Open the store.

    Raises:
        StoreError: Nothing is there, or it is not a degrade store, or of a newer version.
    """
    try:
        root = zarr.open_group(zarr_store(location, read_only=True), mode="r", zarr_format=3)
    except (GroupNotFoundError, FileNotFoundError) as error:
        folder = local_path(location)
        is_there = folder is not None and folder.exists()
        what = "is not a degrade store" if is_there else "no store here"
        raise StoreError(
            f"{location}: {what}; run `degrade check SRC --store PATH` first"
        ) from error
    except storage_errors() as error:
        raise StoreError(
            f"{location}: cannot be read ({describe(error)}); check the address and your access"
        ) from error
    except ValueError as error:
        raise StoreError(
            f"{location}/zarr.json: is damaged; delete that file and run the last command again"
        ) from error
    check_format(root, location)
    return root


@contextmanager
def writing(location: str) -> Iterator[None]:
    """Turn what the disk or the server refuses into an error that says what to do."""
    try:
        yield
    except storage_errors() as error:
        raise StoreError(
            f"{location}: cannot write here ({describe(error)}); make room or pick another "
            "--store, then run the same command again"
        ) from error


def drop_if_damaged(location: str, group: str) -> None:
    """Remove a local group's metadata that a power loss cut short; it is then written anew."""
    folder = local_path(location)
    if folder is None:
        return  # a server keeps whole objects only
    path = folder / group / "zarr.json"
    if not path.is_file():
        return
    if not group and any(entry.name not in OWN for entry in folder.iterdir()):
        return  # not a folder that only this software writes
    try:
        json.loads(path.read_bytes())
    except ValueError:
        path.unlink()


def check_format(root: zarr.Group, location: str) -> None:
    """Refuse a Zarr group that is not a degrade store of a version this software reads."""
    if root.attrs.get("format") != FORMAT:
        raise StoreError(
            f"{location}: is a Zarr group but not a degrade store; pick another path with --store"
        )
    found = root.attrs.get("version")
    if not isinstance(found, int) or found > VERSION:
        raise StoreError(
            f"{location}: is a store of version {found}, this degrade reads up to {VERSION}; "
            "upgrade degrade or use another --store"
        )


def find_group(root: zarr.Group, group: str) -> zarr.Group | None:
    """Return a group of the store, or None if no stage has made it."""
    try:
        found = root[group]
    except (KeyError, GroupNotFoundError):
        return None
    except ValueError as error:
        place = str(root.store).removeprefix("file://")
        raise StoreError(
            f"{place}/{group}/zarr.json: is damaged; run `degrade verify --repair`, then the "
            "command that made it"
        ) from error
    return found if isinstance(found, zarr.Group) else None
