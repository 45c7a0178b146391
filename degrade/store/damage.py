"""Metadata files of a local store that a power loss damaged: found, and put out of the way."""

import json
from pathlib import Path

import zarr

from degrade.store.backend import find_group, local_path, open_for_writing, writing, zarr_store
from degrade.store.schema import FORMAT, VERSION


def damaged_metadata(location: str) -> list[str]:
    """Return the metadata files, relative to a store, that are not whole.

    A server keeps whole objects only: remote stores have none.
    """
    folder = local_path(location)
    if folder is None:
        return []
    levels = ("zarr.json", "*/zarr.json", "*/*/zarr.json", "*/*/*/zarr.json")
    paths = [path for level in levels for path in folder.glob(level)]
    return sorted(str(path.relative_to(folder)) for path in paths if not _is_whole(path))


def _is_whole(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def remove_damaged_metadata(location: str) -> None:
    """Delete damaged metadata, and open the stages again that it belonged to.

    What says only that a group is there is written anew. A stage's own is for its command to
    write, which then makes the stage's missing files again, and with them the same bytes.
    """
    folder = local_path(location)
    names = damaged_metadata(location)
    if folder is None or not names:
        return
    if "zarr.json" in names:
        (folder / "zarr.json").unlink()
        attributes = {"format": FORMAT, "version": VERSION}
        with writing(location):
            zarr.create_group(zarr_store(location), attributes=attributes, zarr_format=3)
    groups = [name.rsplit("/", 1)[0] for name in names if name != "zarr.json"]
    # A stage is opened again before a file of it is missing: a kill between is then harmless.
    for group in groups:
        if "/" in group:
            reopen_stage(location, group.rsplit("/", 1)[0])
    for group in groups:
        (folder / group / "zarr.json").unlink()
        if any((folder / group).glob("x*/")):  # what holds a group for each scale
            with writing(location):
                open_for_writing(location).create_group(group)


def reopen_stage(location: str, group: str) -> None:
    """Mark a complete stage as unfinished, so that its command makes it again."""
    if f"{group}/zarr.json" in damaged_metadata(location):
        return
    found = find_group(open_for_writing(location), group)
    if found is not None and found.attrs.get("complete"):
        with writing(location):
            found.attrs.update({"complete": False})
