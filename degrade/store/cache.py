"""Chunk files as local files: a remote store's are fetched once and kept on this machine."""

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from degrade.arguments import expand_home
from degrade.atomic_file import replacing
from degrade.errors import StoreError
from degrade.store.backend import describe, read_file, storage_errors
from degrade.store.schema import chunk_file


@dataclass(frozen=True)
class LocalChunks:
    """The chunk files of a raw tile array in a local store."""

    folder: Path
    axes: int = 4

    def path(self, chunk: int) -> Path:
        """Return where a chunk's file is."""
        return self.folder / chunk_file(chunk, self.axes)


@dataclass(frozen=True)
class CachedChunks:
    """The chunk files of a raw tile array in a remote store.

    Attributes:
        location: The store.
        array: Path of the array in it.
        content: Content hash of the array's group. It covers the checksums, so that equal hashes
            promise equal chunks, whichever store they come from.
        checksums: CRC-32 of every chunk file.
        size: Bytes of a chunk file.
        axes: Of the array.
    """

    location: str
    array: str
    content: str
    checksums: npt.NDArray[np.uint32]
    size: int
    axes: int = 4

    def path(self, chunk: int) -> Path:
        """Return where a chunk's file is kept, fetched first if it is not there.

        Raises:
            StoreError: It cannot be fetched, is damaged, or there is no room to keep it.
        """
        kept = cache_folder() / self.content / self.array.rsplit("/", 1)[-1] / str(chunk)
        if not (kept.is_file() and kept.stat().st_size == self.size):
            _keep(kept, self._fetch(chunk))
        return kept

    def _fetch(self, chunk: int) -> bytes:
        name = f"{self.array}/{chunk_file(chunk, self.axes)}"
        try:
            data = read_file(self.location, name) or b""
        except storage_errors() as error:
            raise StoreError(
                f"{self.location}/{name}: cannot be read ({describe(error)}); check the network "
                "and your access, then run the same command again"
            ) from error
        if len(data) != self.size or zlib.crc32(data) != self.checksums[chunk]:
            raise StoreError(
                f"{self.location}/{name}: chunk is missing or damaged; run `degrade verify "
                "--repair`"
            )
        return data


def cache_folder() -> Path:
    """Return where fetched chunks are kept: ``DEGRADE_CACHE``, else in the user's cache folder."""
    own = expand_home(os.environ.get("DEGRADE_CACHE", ""))
    users = expand_home(os.environ.get("XDG_CACHE_HOME", "")) or Path.home() / ".cache"
    return Path(own) if own else Path(users) / "degrade"


def _keep(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside:
            aside.write_bytes(data)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({describe(error)}); point DEGRADE_CACHE to a folder with "
            "room for the remote store's tiles"
        ) from error
