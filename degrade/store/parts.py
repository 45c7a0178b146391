"""Finished pieces of a stage, kept aside as single files until the stage is assembled.

A part is written under another name and renamed, so that it is either whole or absent; its zip
directory and CRCs show a file that a power loss cut short, which then counts as absent.
"""

import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from degrade.errors import StoreError
from degrade.store.backend import (
    describe,
    filesystem_at,
    local_path,
    read_file,
    remove_folder,
    storage_errors,
)
from degrade.whole_file import replacing

PARTS = ".parts"
"""Folder in the store that holds the parts of unfinished stages; no part of the Zarr hierarchy."""

Arrays = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Parts:
    """Address of the parts that the tasks of a stage leave, each the arrays of one task.

    Attributes:
        location: The store.
        group: Whose parts they are.
        count: How many there are when all tasks are done.
    """

    location: str
    group: str
    count: int = 0

    def save(self, index: int, arrays: Mapping[str, npt.ArrayLike]) -> None:
        """Write one part as one file, whole; an older one is replaced.

        Raises:
            StoreError: It cannot be written (no permission, disk full).
        """
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **{name: np.asarray(a) for name, a in arrays.items()})
        _write(self.location, self._file(index), buffer.getvalue())

    def load(self, index: int) -> Arrays | None:
        """Read one part; None if it is absent or was cut short."""
        data = read_file(self.location, self._file(index))
        try:
            with np.load(io.BytesIO(data or b""), allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (zipfile.BadZipFile, ValueError, EOFError):
            return None

    def part(self, index: int) -> Arrays:
        """Read one part that must be there.

        Raises:
            StoreError: It is absent or was cut short.
        """
        part = self.load(index)
        if part is None:
            place = f"{self.location}/{self.group}"
            raise StoreError(f"{place}: part {index} vanished; run the command again")
        return part

    def __iter__(self) -> Iterator[Arrays]:
        """Yield all parts in order, each read when it is come to, as `part` does."""
        return (self.part(index) for index in range(self.count))

    def present(self) -> set[int]:
        """Return the indices of the parts that are there, whole or not."""
        filesystem, folder = filesystem_at(self.location, self._folder)
        if not filesystem.isdir(folder):
            return set()
        names = (str(path).rsplit("/", 1)[-1] for path in filesystem.ls(folder, detail=False))
        return {int(name[:-4]) for name in names if name.endswith(".npz") and name[0] != "."}

    def claim(self, owner: str) -> None:
        """Keep the parts if they were made by ``owner`` (a hash), else drop them."""
        if read_file(self.location, f"{self._folder}/owner") != owner.encode():
            self.clear()
            _write(self.location, f"{self._folder}/owner", owner.encode())

    def clear(self) -> None:
        """Delete the parts, those of groups inside, too."""
        remove_folder(self.location, self._folder)

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
