"""Finished pieces of a stage, kept aside as single files until the stage is assembled.

A result is written under another name and renamed, so that it is either whole or absent; its zip
directory and CRCs show a file that a power loss cut short, which then counts as absent.

What a stage found of each photo outlives it on a disk: when photos are added, the stage is made
again, and only the new ones are worked on. Until then it lies with the group as it was before.
"""

import io
import shutil
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from degrade.atomic_file import flush, replacing
from degrade.errors import StoreError
from degrade.store.backend import (
    describe,
    filesystem_at,
    local_path,
    read_file,
    remove_folder,
    storage_errors,
)

PARTS = ".parts"
"""Folder in the store that holds results of unfinished stages; no part of the Zarr hierarchy."""
FOUND = "found"
"""Group inside a stage's own of what it found of each photo, which outlives the stage."""

Arrays = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class TaskResults:
    """Address of the results that the tasks of a stage save, each the arrays of one task.

    Attributes:
        location: The store.
        group: The stage's group.
        count: How many there are when all tasks are done.
    """

    location: str
    group: str
    count: int = 0

    def save(self, index: int, arrays: Mapping[str, npt.ArrayLike]) -> None:
        """Write one result as one file, whole; an older one is replaced.

        Raises:
            StoreError: It cannot be written (no permission, disk full).
        """
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **{name: np.asarray(a) for name, a in arrays.items()})
        _write(self.location, self._file(index), buffer.getvalue())

    def load(self, index: int, names: Collection[str] = ()) -> Arrays | None:
        """Read one result, or some of its arrays; None if it is absent or truncated."""
        data = read_file(self.location, self._file(index))
        try:
            with np.load(io.BytesIO(data or b""), allow_pickle=False) as file:
                return {name: file[name] for name in names or file.files}
        except (zipfile.BadZipFile, ValueError, EOFError, KeyError):
            return None

    def result(self, index: int) -> Arrays:
        """Read one result that must be there.

        Raises:
            StoreError: It is absent or truncated.
        """
        result = self.load(index)
        if result is None:
            place = f"{self.location}/{self.group}"
            raise StoreError(f"{place}: part {index} vanished; run the command again")
        return result

    def __iter__(self) -> Iterator[Arrays]:
        """Yield all results in order, each read when its turn comes, as `result` does."""
        return (self.result(index) for index in range(self.count))

    def present(self) -> set[int]:
        """Return the indices of the results that are there, whole or not."""
        filesystem, folder = filesystem_at(self.location, self._folder)
        if not filesystem.isdir(folder):
            return set()
        names = (str(path).rsplit("/", 1)[-1] for path in filesystem.ls(folder, detail=False))
        return {int(name[:-4]) for name in names if name.endswith(".npz") and name[0] != "."}

    def claim(self, owner: str) -> None:
        """Keep the results if they were made by ``owner`` (a hash), else delete them."""
        if not self.are_of(owner):
            self.clear()
            _write(self.location, f"{self._folder}/owner", owner.encode())

    def are_of(self, owner: str) -> bool:
        """Return whether ``owner`` (a hash) made the results."""
        return read_file(self.location, f"{self._folder}/owner") == owner.encode()

    def clear(self) -> None:
        """Delete the results, those of groups inside, too."""
        remove_folder(self.location, self._folder)

    def settle(self) -> None:
        """Delete what a finished stage has no more use for: all but what it found of photos."""
        store = local_path(self.location)
        if store is None or not (store / self._folder / FOUND).is_dir():
            self.clear()
        else:
            for path in (store / self._folder).iterdir():
                if path.is_dir() and path.name != FOUND:
                    shutil.rmtree(path)
                elif path.is_file():
                    path.unlink()
        remove_folder(self.location, self.before)

    def set_aside(self, *, complete: bool) -> None:
        """Begin anew: what was found of photos, and a complete group, are kept for the new making.

        What a killed making left does not take the place of what was complete before it. Without
        a local disk, where nothing can be renamed, all is deleted.
        """
        store = local_path(self.location)
        if store is not None and (complete or not (store / self.before).exists()):
            remove_folder(self.location, self.before)
            found = store / self._folder / FOUND
            if found.is_dir():
                (store / self.before).mkdir(parents=True)
                if complete:
                    (store / self.group).rename(store / self.before / "group")
                found.rename(store / self.before / FOUND)
                for folder in (store / self.before, found.parent, (store / self.group).parent):
                    flush(folder)
        self.clear()

    @property
    def before(self) -> str:
        """Folder of the group as it was before, ``group``, and of what was found, ``found``."""
        return f"{self._folder}.before"

    @property
    def _folder(self) -> str:
        return f"{PARTS}/{self.group}"

    def _file(self, index: int) -> str:
        return f"{self._folder}/{index:08d}.npz"


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
