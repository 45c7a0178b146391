"""Opening a store to write in it: made where nothing is, refused where something else is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import zarr
from zarr.errors import GroupNotFoundError

from degrade.errors import StoreError
from degrade.store.backend import (
    describe,
    filesystem_at,
    local_path,
    storage_errors,
    zarr_store,
)
from degrade.store.schema import FORMAT, GROUPS, VERSION

OWN = {"zarr.json", ".parts", *GROUPS}
"""All that this software writes at the top of a store."""


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


def _is_occupied(location: str) -> bool:
    filesystem, folder = filesystem_at(location)
    return bool(filesystem.exists(folder))


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
