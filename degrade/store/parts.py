"""Finished pieces of a stage, kept aside as single files until the stage is assembled.

A part is written under another name and renamed, so that it is either whole or absent; its zip
directory and CRCs show a file that a power loss cut short, which then counts as absent.
"""

import io
import zipfile
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from degrade.errors import StoreError
from degrade.store.backend import describe, filesystem_at, local_path, storage_errors
from degrade.whole_file import replacing

PARTS = ".parts"
"""Folder in the store that holds the parts of unfinished stages; no part of the Zarr hierarchy."""

Arrays = dict[str, npt.NDArray[np.generic]]


def _folder(group: str) -> str:
    return f"{PARTS}/{group}"


def _file(group: str, index: int) -> str:
    return f"{_folder(group)}/{index:08d}.npz"


def _write(location: str, name: str, data: bytes) -> None:
    """Write a file that is whole or absent.

    Raises:
        StoreError: It cannot be written (no permission, disk full).
    """
    folder = local_path(location)
    try:
        if folder is None:
            filesystem, key = filesystem_at(location, name)
            filesystem.pipe_file(key, data)
            return
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside:
            aside.write_bytes(data)
    except storage_errors() as error:
        raise StoreError(
            f"{location}: cannot write ({describe(error)}); make room or pick another "
            "--store, then run the same command again"
        ) from error


def claim_parts(location: str, group: str, owner: str) -> None:
    """Keep a group's parts if they were made by ``owner`` (a hash), else drop them."""
    filesystem, path = filesystem_at(location, f"{_folder(group)}/owner")
    try:
        if filesystem.cat_file(path) == owner.encode():
            return
    except FileNotFoundError:
        pass
    clear_parts(location, group)
    _write(location, f"{_folder(group)}/owner", owner.encode())


def save_part(location: str, group: str, index: int, arrays: Mapping[str, npt.ArrayLike]) -> None:
    """Write the arrays of one task as one file, whole; an older one is replaced.

    Raises:
        StoreError: It cannot be written (no permission, disk full).
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: np.asarray(a) for name, a in arrays.items()})
    _write(location, _file(group, index), buffer.getvalue())


def load_part(location: str, group: str, index: int) -> Arrays | None:
    """Read one part; None if it is absent or was cut short."""
    filesystem, path = filesystem_at(location, _file(group, index))
    try:
        with np.load(io.BytesIO(filesystem.cat_file(path)), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (FileNotFoundError, zipfile.BadZipFile, ValueError, EOFError):
        return None


def present_parts(location: str, group: str) -> set[int]:
    """Return the indices of the parts that are there, whole or not."""
    filesystem, folder = filesystem_at(location, _folder(group))
    if not filesystem.isdir(folder):
        return set()
    names = (str(path).rsplit("/", 1)[-1] for path in filesystem.ls(folder, detail=False))
    return {int(name[:-4]) for name in names if name.endswith(".npz") and name[0] != "."}


def clear_parts(location: str, group: str) -> None:
    """Delete the parts of a group."""
    filesystem, folder = filesystem_at(location, _folder(group))
    if filesystem.isdir(folder):
        filesystem.rm(folder, recursive=True)
    store = local_path(location)
    if store is None:
        return  # a server has no empty folders to leave behind
    top = store / PARTS
    if top.is_dir() and not any(path.is_file() for path in top.rglob("*")):
        filesystem.rm(str(top), recursive=True)
