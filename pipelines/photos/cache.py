"""What stages measure of photos, cached by the stage that decodes them: each is decoded once.

The time that this takes is charged to the stages it is for, see `pipelines.execution.stage_time`.

Results lie in files of their own until their stage has taken them. A file that is missing or
damaged costs a decoding and nothing else, so nothing here is flushed to the disk.
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
from degrade.atomic_file import replacing, sweep_partials
from degrade.errors import NothingToDo
from degrade.images.decode import DecodePolicy
from degrade.store.backend import local_path
from degrade.store.cache import cache_folder
from degrade.store.schema import Domain
from degrade.store.stages import software
from degrade.store.task_results import PARTS, Arrays, TaskResults
from pipelines.execution.cluster import Client
from pipelines.execution.stage_time import charge
from pipelines.photos.reading import Photo

CACHE = "cache"


class PhotoMeasure(Protocol):
    """What a stage measures of a photo: a function of its pixels; its ``repr`` says which."""

    def scratch_bytes(self, height: int, width: int) -> int | None:
        """Return the bytes of scratch that a photo's result takes; None if it is not wanted.

        0 where the result takes no more than what the stage soon saves of it.
        """

    def __call__(self, pixels: Image) -> Arrays:
        """Return the result for [H, W, 3] pixels."""


Measures = Mapping[str, PhotoMeasure]
"""What stages measure of a photo: by the stage's name, in the order of the stages."""


@dataclass(frozen=True)
class PhotoCache:
    """What stages measure of each domain's photos, and where results wait for them.

    Without a folder nothing is cached: every stage decodes for itself.
    """

    folder: str = ""
    limit: int = 0
    """Bytes of scratch that all photos' results may take together."""
    measures: Mapping[Domain, Measures] = field(default_factory=dict)

    def begin(self) -> None:
        """Count what a killed run cached, which is used, and sweep what it was writing."""
        folder = Path(self.folder)
        if self.folder and folder.is_dir():
            sweep_partials(folder)
            (folder / "taken").write_text(str(_size(folder)))

    def get(
        self,
        photo: Photo,
        measure: PhotoMeasure,
        names: Collection[str] = (),
        *,
        keep: bool = False,
    ) -> Arrays:
        """Return what a stage measures of a photo; decodes it only if that is not cached.

        Args:
            photo: The photo.
            measure: What is measured.
            names: Arrays of the result that are needed; none stands for all.
            keep: Cache the result, too, for a later task of the same stage.

        Raises:
            StoreError: It must be decoded and cannot be, as `Photo.read` says.
        """
        cached = self._load(photo.sha256, photo.policy, measure, names)
        if cached is not None:
            return cached
        pixels = photo.read()
        found = measure(pixels)
        if keep and self.folder:
            self._keep(photo, measure, found)
        self._put(pixels, photo.sha256, photo.policy, self._after(measure, photo.domain))
        return {name: found[name] for name in names or found}

    def put(self, pixels: Image, sha256: str, policy: DecodePolicy, domain: Domain) -> None:
        """Cache what every stage measures of a photo that was decoded for none of them."""
        self._put(pixels, sha256, policy, self.measures.get(domain, {}))

    def drop(self, measure: PhotoMeasure, photos: Iterable[Photo]) -> None:
        """Delete what is cached of photos for a stage that is done with them."""
        for photo in photos if self.folder else ():
            path = self._path(photo.sha256, photo.policy, measure)
            if path.exists():
                path.unlink(missing_ok=True)
                self._reserve(-(measure.scratch_bytes(photo.height, photo.width) or 0))

    def _after(self, measure: PhotoMeasure, domain: Domain) -> Measures:
        """Return what the stages after the one with this measure still measure."""
        measures = self.measures.get(domain, {}).items()
        return dict(islice(dropwhile(lambda item: item[1] != measure, measures), 1, None))

    def _put(self, pixels: Image, sha256: str, policy: DecodePolicy, measures: Measures) -> None:
        """Cache what is not there yet, its time charged to the stage that measures it."""
        for stage, measure in measures.items():
            path = self._path(sha256, policy, measure)
            scratch_bytes = measure.scratch_bytes(*pixels.shape[:2])
            if scratch_bytes is not None and not path.exists() and self._reserve(scratch_bytes):
                began = perf_counter()
                self._write(path, scratch_bytes, measure(pixels))
                charge(stage, perf_counter() - began)

    def _keep(self, photo: Photo, measure: PhotoMeasure, found: Arrays) -> None:
        """Cache what a stage measured itself; what was there is missing or damaged."""
        scratch_bytes = measure.scratch_bytes(photo.height, photo.width)
        if scratch_bytes is not None and self._reserve(scratch_bytes):
            self._write(self._path(photo.sha256, photo.policy, measure), scratch_bytes, found)

    def _write(self, path: Path, scratch_bytes: int, found: Arrays) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with replacing(path, lasting=False) as aside, aside.open("wb") as file:
                np.savez(file, allow_pickle=False, **found)
        except OSError:  # no room after all: the photo is decoded again when it is wanted
            self._reserve(-scratch_bytes)

    def _load(
        self, sha256: str, policy: DecodePolicy, measure: PhotoMeasure, names: Collection[str]
    ) -> Arrays | None:
        if not self.folder:
            return None
        try:
            with np.load(self._path(sha256, policy, measure), allow_pickle=False) as file:
                return {name: file[name] for name in names or file.files}
        except (OSError, zipfile.BadZipFile, ValueError, EOFError):
            return None

    def _path(self, sha256: str, policy: DecodePolicy, measure: PhotoMeasure) -> Path:
        return Path(self.folder) / f"{result_key(sha256, policy, measure)}.npz"

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


def result_key(sha256: str, policy: DecodePolicy, measure: PhotoMeasure) -> str:
    """Return the cache key of a result: a hash of the photo, decoding, measure and software."""
    key = json.dumps([sha256, policy.model_dump(mode="json"), repr(measure), software()])
    return hashlib.sha256(key.encode()).hexdigest()


NO_CACHE = PhotoCache()
"""Cache of a stage that is run by itself."""


def plan_cache(location: str, limit: int, measures: Mapping[Domain, Measures]) -> PhotoCache:
    """Say where what later stages measure of a run's photos is cached; nothing is written.

    Args:
        location: The store; the folder is inside it, or, of a remote one, in this user's cache.
        limit: Bytes that may be taken; half of what the disk has free if that is less.
        measures: Of each domain.
    """
    folder = _folder(location)
    free = shutil.disk_usage(next(place for place in folder.parents if place.exists())).free
    return PhotoCache(str(folder), min(limit, _size(folder) + free // 2), measures)


@contextmanager
def own_cache(location: str, client: Client, cache: PhotoCache) -> Iterator[PhotoCache]:
    """Yield a run's cache or, for a stage that is run by itself, one that ends with the stage.

    What a stage cached that was stopped is used when it goes on.
    """
    if cache.folder:
        yield cache
        return
    try:
        yield plan_cache(location, 0, {})
    except NothingToDo:
        end_cache(location, client)
        raise
    end_cache(location, client)


def end_cache(location: str, client: Client) -> None:
    """Delete all that is cached, on every machine that has some."""
    if local_path(location) is None:
        folder = str(_folder(location))
        client.run(shutil.rmtree, folder, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
    TaskResults(location, CACHE).clear()


def _folder(location: str) -> Path:
    store = local_path(location)
    if store is not None:
        return store.resolve() / PARTS / CACHE
    return cache_folder() / CACHE / hashlib.sha256(location.encode()).hexdigest()[:16]


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
