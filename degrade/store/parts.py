"""Finished pieces of a stage, kept aside as single files until the stage is assembled.

A part is written under another name and renamed, so that it is either whole or absent; its zip
directory and CRCs show a file that a power loss cut short, which then counts as absent.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from fsspec.core import url_to_fs

from degrade.errors import StoreError
from degrade.store.backend import is_remote
from degrade.whole_file import replacing

PARTS = ".parts"
"""Folder in the store that holds the parts of unfinished stages; no part of the Zarr hierarchy."""

Arrays = dict[str, npt.NDArray[np.generic]]


def _folder(location: str, group: str) -> str:
    return f"{location.rstrip('/')}/{PARTS}/{group}"


def _write(location: str, path: str, data: bytes) -> None:
    """Write a file that is whole or absent.

    Raises:
        StoreError: It cannot be written (no permission, disk full).
    """
    try:
        if is_remote(path):
            filesystem, key = url_to_fs(path)
            filesystem.pipe_file(key, data)
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with replacing(Path(path)) as aside:
            aside.write_bytes(data)
    except OSError as error:
        raise StoreError(
            f"{location}: cannot write ({error.strerror or error}); make room or pick another "
            "--store, then run the same command again"
        ) from error


def claim_parts(location: str, group: str, owner: str) -> None:
    """Keep a group's parts if they were made by ``owner`` (a hash), else drop them."""
    filesystem, path = url_to_fs(f"{_folder(location, group)}/owner")
    try:
        if filesystem.cat_file(path) == owner.encode():
            return
    except FileNotFoundError:
        pass
    clear_parts(location, group)
    _write(location, f"{_folder(location, group)}/owner", owner.encode())


def save_part(location: str, group: str, index: int, arrays: Mapping[str, npt.ArrayLike]) -> None:
    """Write the arrays of one task as one file, whole; an older one is replaced.

    Raises:
        StoreError: It cannot be written (no permission, disk full).
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: np.asarray(a) for name, a in arrays.items()})
    _write(location, f"{_folder(location, group)}/{index:08d}.npz", buffer.getvalue())


def load_part(location: str, group: str, index: int) -> Arrays | None:
    """Read one part; None if it is absent or was cut short."""
    filesystem, path = url_to_fs(f"{_folder(location, group)}/{index:08d}.npz")
    try:
        with np.load(io.BytesIO(filesystem.cat_file(path)), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (FileNotFoundError, zipfile.BadZipFile, ValueError, EOFError):
        return None


def present_parts(location: str, group: str) -> set[int]:
    """Return the indices of the parts that are there, whole or not."""
    filesystem, folder = url_to_fs(_folder(location, group))
    if not filesystem.isdir(folder):
        return set()
    names = (str(path).rsplit("/", 1)[-1] for path in filesystem.ls(folder, detail=False))
    return {int(name[:-4]) for name in names if name.endswith(".npz") and name[0] != "."}


def drop_part(location: str, group: str, index: int) -> None:
    """Delete one part."""
    filesystem, path = url_to_fs(f"{_folder(location, group)}/{index:08d}.npz")
    filesystem.rm(path)


def clear_parts(location: str, group: str) -> None:
    """Delete the parts of a group."""
    filesystem, folder = url_to_fs(_folder(location, group))
    if filesystem.isdir(folder):
        filesystem.rm(folder, recursive=True)
    top = Path(location, PARTS)
    if not is_remote(location) and top.is_dir() and not any(p.is_file() for p in top.rglob("*")):
        filesystem.rm(str(top), recursive=True)
