"""Stage `import-noise`: a folder of noise patches, as RealSR's scripts leave it, into the store."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from degrade.arrays import F32, U8
from degrade.errors import ImageRefused, NothingToDo, StoreError
from degrade.images.colour import luma, to_uint8
from degrade.images.decode import read_image
from degrade.images.files import find_files, resolve_inside
from degrade.noise.mining import detrended_variance
from degrade.store.raw import RawArrays
from degrade.store.reader import Store, has_store, open_store
from degrade.store.schema import NOISE, NOISE_COLUMNS
from degrade.store.stages import StageIdentity
from degrade.store.writer import begin, tiles_per_chunk
from pipelines.execution.cluster import Client
from pipelines.execution.progress import track

STAGE = "import-noise"
LEAST_SIDE = 16


@dataclass(frozen=True)
class NoiseImport:
    """What was imported: patches, their side in pixels, files refused and why."""

    patches: int
    side: int
    refused: tuple[tuple[str, str], ...]


@dataclass
class _Read:
    """What one pass over the files found."""

    files: list[str]
    means: list[F32]
    variances: list[float]
    refused: list[tuple[str, str]]
    digest: str
    side: int


def import_noise(location: str, folder: Path, *, overwrite: bool = False) -> NoiseImport:
    """Read square images of one size into the store's `noise`.

    The first image that can be read sets the size. Nothing is mined: what is in the folder counts
    as noise on the word of who brought it. Photos are not known; `source` is -1.

    Args:
        location: The store; made if nothing is there.
        folder: Searched with its subfolders.
        overwrite: Replace a bank that is there.

    Raises:
        NothingToDo: The folder is not there, or holds no patch.
        StoreError: There is a bank from elsewhere and ``overwrite`` is not set.
    """
    if not overwrite and has_store(location):
        _refuse_others(open_store(location))
    read = _read(folder)
    if not read.files:
        why = f"the first, {read.refused[0][0]}: {read.refused[0][1]}" if read.refused else "empty"
        raise NothingToDo(f"--noise {folder}: holds no noise patches ({why})")
    identity = StageIdentity(STAGE, {"patch": read.side}, {"files": read.digest})
    with begin(location, NOISE, identity, overwrite=overwrite) as out:
        if out.needed:
            count = len(read.files)
            columns = {
                "source": np.full(count, -1),
                "row": np.zeros(count),
                "col": np.zeros(count),
                "mean": np.stack(read.means),
                "variance": read.variances,
            }
            out.columns(NOISE_COLUMNS, columns)
            shape = (count, read.side, read.side, 3)
            raw = out.raw({"patches": shape}, tiles_per_chunk(read.side))
            with track(STAGE, count, "patches") as counter:
                out.checksums(raw.write(0, _tiles(folder, read.files, counter.advance)))
            results = {"folder": str(folder.resolve()), "files": read.files, "windows": count}
            out.results.update({**results, "refused": {}})
    return NoiseImport(len(read.files), read.side, tuple(read.refused))


def restore_patches(store: Store, client: Client, group: str, chunks: Sequence[int]) -> None:
    """Read chosen chunks of an imported bank anew from its folder.

    Raises:
        StoreError: A file is gone, or not what it was.
    """
    stage, size = store.stages()[group], store.noise().patches.per_chunk
    folder, files = Path(stage["folder"]), stage["files"]
    raw = RawArrays(store.location, group, ("patches",))
    for first in (chunk * size for chunk in chunks):
        try:
            raw.write(first, _tiles(folder, files[first : first + size]))
        except (ImageRefused, OSError, ValueError) as error:
            raise StoreError(
                f"{folder}: the imported noise cannot be read again ({error}); put the files back, "
                f"or run `degrade import --noise FOLDER --overwrite`"
            ) from error


def _read(folder: Path) -> _Read:
    """Decode every file once: a bad one is refused with the reason."""
    found, digest = _Read([], [], [], [], "", 0), hashlib.sha256()
    for name in find_files(folder).images:
        try:
            patch = to_uint8(read_image(resolve_inside(folder, name)))
        except ImageRefused as error:
            found.refused.append((name, error.reason))
            continue
        side = found.side or patch.shape[0]
        if patch.shape[:2] != (side, side) or side < LEAST_SIDE:
            size = f"{patch.shape[1]}x{patch.shape[0]}"
            asked = f"{side}x{side} as the first" if found.side else "a square of 16 or more"
            found.refused.append((name, f"is {size}, not {asked}"))
            continue
        found.side = side
        found.files.append(name)
        digest.update(name.encode() + b"\0" + patch.tobytes())
        mean = patch.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        grey = luma(patch.astype(np.float32))[None]
        found.means.append(mean)
        found.variances.append(float(detrended_variance(grey, luma(mean[None]))[0]))
    found.digest = digest.hexdigest()
    return found


def _tiles(
    folder: Path, names: Sequence[str], on_file: Callable[[], None] = lambda: None
) -> Iterator[tuple[U8]]:
    for name in names:
        yield (to_uint8(read_image(resolve_inside(folder, name))),)
        on_file()


def _refuse_others(store: Store) -> None:
    stage = store.stages().get(NOISE, {}).get("stage", STAGE)
    if stage != STAGE:
        raise StoreError(
            f"{store.location}/{NOISE}: holds noise made by {stage}; pass --overwrite to replace "
            "it, or use another --store"
        )
