"""One visit to each photo: the stage that decodes it leaves what later stages want of it.

The time that this takes is charged to the stages it is for, see `pipelines.bill`.

What is left lies in files of their own until the stage that wants it takes it. A file that is
missing or damaged costs a decoding and nothing else, so nothing here is flushed to the disk.
"""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import dropwhile, islice
from pathlib import Path
from time import perf_counter
from typing import Protocol

import numpy as np
from filelock import FileLock

from degrade.arrays import Image
from degrade.errors import NothingToDo
from degrade.images.decode import DecodePolicy
from degrade.store.backend import local_path
from degrade.store.cache import cache_folder
from degrade.store.parts import PARTS, Arrays, Parts
from degrade.store.schema import Domain
from degrade.store.stages import software
from degrade.whole_file import replacing, sweep_partials
from pipelines.bill import charge
from pipelines.client import Client
from pipelines.photos import Photo

VISITS = "visits"


class Want(Protocol):
    """What a stage wants of a photo: a function of its pixels; its ``repr`` says which."""

    def room(self, height: int, width: int) -> int | None:
        """Return the bytes of scratch that a photo's result takes; None if it is not wanted.

        0 where the result is no larger than the part of the stage that it soon becomes.
        """

    def __call__(self, pixels: Image) -> Arrays:
        """Return the result for [H, W, 3] pixels."""


Wants = Mapping[str, Want]
"""What stages want of a photo: by the stage's name, in the order of the stages."""


@dataclass(frozen=True)
class Visits:
    """What each domain's photos are wanted for, and where it waits.

    Without a folder nothing is left for later: every stage decodes for itself.
    """

    folder: str = ""
    limit: int = 0
    """Bytes of scratch that all photos' results may take together."""
    wants: Mapping[Domain, Wants] = field(default_factory=dict)

    def begin(self) -> None:
        """Count what a killed run left, which is used, and sweep what it was writing."""
        folder = Path(self.folder)
        if self.folder and folder.is_dir():
            sweep_partials(folder)
            (folder / "taken").write_text(str(_size(folder)))

    def find(
        self, photo: Photo, want: Want, names: Collection[str] = (), *, keep: bool = False
    ) -> Arrays:
        """Return what a stage wants of a photo; decodes it only if nothing was left.

        Args:
            photo: The photo.
            want: What is wanted.
            names: Arrays of the result that are needed; none stands for all.
            keep: Leave the result, too, for a later task of the same stage.

        Raises:
            StoreError: It must be decoded and cannot be, as `Photo.read` says.
        """
        left = self._load(photo.sha256, photo.policy, want, names)
        if left is not None:
            return left
        pixels = photo.read()
        found = want(pixels)
        if keep and self.folder:
            self._keep(photo, want, found)
        self._leave(pixels, photo.sha256, photo.policy, self._after(want, photo.domain))
        return {name: found[name] for name in names or found}

    def leave(self, pixels: Image, sha256: str, policy: DecodePolicy, domain: Domain) -> None:
        """Leave what every stage wants of a photo that was decoded for none of them."""
        self._leave(pixels, sha256, policy, self.wants.get(domain, {}))

    def drop(self, want: Want, photos: Iterable[Photo]) -> None:
        """Delete what was left of photos for a stage that is done with them."""
        for photo in photos if self.folder else ():
            path = self._path(photo.sha256, photo.policy, want)
            if path.exists():
                path.unlink(missing_ok=True)
                self._reserve(-(want.room(photo.height, photo.width) or 0))

    def _after(self, want: Want, domain: Domain) -> Wants:
        """Return what the stages after the one with this want still want."""
        wants = self.wants.get(domain, {}).items()
        return dict(islice(dropwhile(lambda item: item[1] != want, wants), 1, None))

    def _leave(self, pixels: Image, sha256: str, policy: DecodePolicy, wants: Wants) -> None:
        """Leave what is not there yet, each on the bill of the stage that wants it."""
        for stage, want in wants.items():
            path, room = self._path(sha256, policy, want), want.room(*pixels.shape[:2])
            if room is not None and not path.exists() and self._reserve(room):
                began = perf_counter()
                self._write(path, room, want(pixels))
                charge(stage, perf_counter() - began)

    def _keep(self, photo: Photo, want: Want, found: Arrays) -> None:
        """Leave a stage what it found itself; what was there is missing or damaged."""
        room = want.room(photo.height, photo.width)
        if room is not None and self._reserve(room):
            self._write(self._path(photo.sha256, photo.policy, want), room, found)

    def _write(self, path: Path, room: int, found: Arrays) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with replacing(path, lasting=False) as aside, aside.open("wb") as file:
                np.savez(file, allow_pickle=False, **found)
        except OSError:  # no room after all: the photo is decoded again when it is wanted
            self._reserve(-room)

    def _load(
        self, sha256: str, policy: DecodePolicy, want: Want, names: Collection[str]
    ) -> Arrays | None:
        if not self.folder:
            return None
        try:
            with np.load(self._path(sha256, policy, want), allow_pickle=False) as file:
                return {name: file[name] for name in names or file.files}
        except (OSError, zipfile.BadZipFile, ValueError, EOFError):
            return None

    def _path(self, sha256: str, policy: DecodePolicy, want: Want) -> Path:
        return Path(self.folder) / f"{result_key(sha256, policy, want)}.npz"

    def _reserve(self, size: int) -> bool:
        """Count ``size`` bytes as taken if the limit allows, or as free again if negative."""
        if size == 0:
            return True
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        with FileLock(Path(self.folder) / "taken.lock"):
            taken = _taken(Path(self.folder)) + size
            if size > 0 and taken > self.limit:
                return False
            (Path(self.folder) / "taken").write_text(str(taken))
        return True


def result_key(sha256: str, policy: DecodePolicy, want: Want) -> str:
    """Name what is wanted of a photo by all that it follows from."""
    key = json.dumps([sha256, policy.model_dump(mode="json"), repr(want), software()])
    return hashlib.sha256(key.encode()).hexdigest()


NO_VISITS = Visits()
"""What a stage has that is run by itself."""


def plan_visits(location: str, limit: int, wants: Mapping[Domain, Wants]) -> Visits:
    """Say where a run's photos leave what later stages want of them; nothing is written.

    Args:
        location: The store; the folder is inside it, or, of a remote one, in this user's cache.
        limit: Bytes that may be taken; half of what the disk has free if that is less.
        wants: Of each domain.
    """
    folder = _folder(location)
    free = shutil.disk_usage(next(place for place in folder.parents if place.exists())).free
    return Visits(str(folder), min(limit, _size(folder) + free // 2), wants)


@contextmanager
def own_visits(location: str, client: Client, visits: Visits) -> Iterator[Visits]:
    """Yield a run's visits or, for a stage that is run by itself, some that end with the stage.

    What a stage left that was stopped is used when it goes on.
    """
    if visits.folder:
        yield visits
        return
    try:
        yield plan_visits(location, 0, {})
    except NothingToDo:
        end_visits(location, client)
        raise
    end_visits(location, client)


def end_visits(location: str, client: Client) -> None:
    """Delete all that was left, on every machine that has some."""
    if local_path(location) is None:
        folder = str(_folder(location))
        client.run(shutil.rmtree, folder, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
    Parts(location, VISITS).clear()


def _folder(location: str) -> Path:
    store = local_path(location)
    if store is not None:
        return store.resolve() / PARTS / VISITS
    return cache_folder() / VISITS / hashlib.sha256(location.encode()).hexdigest()[:16]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.npz"))


def _taken(folder: Path) -> int:
    """Return the bytes counted as taken; a count that was cut short stands for a full folder."""
    try:
        return int((folder / "taken").read_text())
    except FileNotFoundError:
        return 0
    except ValueError:
        return 1 << 62
