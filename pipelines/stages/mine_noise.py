"""Stage `mine-noise`: photos to a bank of noise patches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from degrade.arrays import Image
from degrade.errors import NothingToDo
from degrade.images.colour import to_uint8
from degrade.noise.explain import Distribution, distribution, explain_empty, explain_too_large
from degrade.noise.floor import BINS, STEPS, residual_histogram
from degrade.noise.mining import NoiseSettings, Windows, mine, patches
from degrade.noise.sensor import Sensor, grain_of, measure
from degrade.store.made_from import photos_digest
from degrade.store.parts import Arrays, load_part, save_part
from degrade.store.reader import check_current, open_store
from degrade.store.schema import NOISE, NOISE_COLUMNS, NOISE_SENSOR
from degrade.store.stages import StageIdentity, begin_stage, discard_stage, finish_stage
from degrade.store.writer import open_tiles, write_array, write_chunk, write_columns
from pipelines.client import Client
from pipelines.noise_bank import PATCHES, write_bank
from pipelines.parted import Tally, per_task, read_parts, run_parts
from pipelines.photos import Photo, bounded_groups, usable_photos
from pipelines.visits import NO_VISITS, PhotosTask, Visits

PHOTOS_PER_TASK = 8
PIXELS_PER_TASK = 100_000_000
"""Of all photos of a task together, all of whose patches are held: 8 photos of 12 megapixels."""
_CURRENT = {"arrays": ("curve",)}
_GRAIN = ("autocorrelation", "channels")
_MEASURED = ("row", "col", "mean", "variance", "clipped", "structure", "accepted")


@dataclass(frozen=True)
class NoiseReport:
    """What was mined: patches, and the distribution they were chosen from."""

    patches: int
    windows: int
    mean: float
    """Mean brightness of the bank, 0..255."""
    deviation: float
    """Root of the mean grey variance of the bank, 0..255."""
    curve: tuple[float, ...]
    """Standard deviation at brightness 8, 24, ... 248, mean of the channels, 0..255."""
    refused: tuple[tuple[str, str], ...]
    """Photos smaller than a patch, with the reason."""


@dataclass(frozen=True)
class Mined:
    """The noise of one photo: measurements of all windows, pixels of the accepted ones."""

    settings: NoiseSettings

    def room(self, height: int, width: int) -> int | None:
        """As `pipelines.visits.Want`: the result becomes a part of the stage."""
        return 0

    def __call__(self, pixels: Image) -> Arrays:
        """Return a row per window, the patches, and what the whole photo says of its noise."""
        windows = mine(pixels, self.settings)
        measured = {name: getattr(windows, name) for name in _MEASURED}
        cut = patches(pixels, windows, self.settings.patch)
        autocorrelation, channels = grain_of(cut)
        of_the_photo = {
            "residuals": residual_histogram(pixels)[None],
            "autocorrelation": autocorrelation[None],
            "channels": channels[None],
        }
        return {**measured, "patches": cut, **of_the_photo}


@dataclass(frozen=True)
class _Task(PhotosTask):
    settings: NoiseSettings


def mine_noise(
    location: str,
    client: Client,
    settings: NoiseSettings,
    *,
    overwrite: bool = False,
    visits: Visits = NO_VISITS,
) -> NoiseReport:
    """Cut noise patches from every usable source photo into the store's `noise`.

    Raises:
        NothingToDo: No patch was found; the text has the distribution seen and the thresholds
            that would have given some. Or no photo is as large as a patch.
        StoreError: There was no scan, or the bank was begun with other settings.
    """
    sources = open_store(location).sources()
    photos = usable_photos(sources, "source")
    sizes = [(photo.height, photo.width) for photo in photos]
    if max(min(size) for size in sizes) < settings.patch:
        raise NothingToDo(explain_too_large(sizes, settings.patch))
    identity = StageIdentity(
        "mine-noise", settings.model_dump(), {"photos": photos_digest(sources, "source")}
    )
    if overwrite and "curve" not in open_store(location).stages().get(NOISE, _CURRENT)["arrays"]:
        discard_stage(location, NOISE)  # an earlier version's, with the same settings
    if begin_stage(location, NOISE, identity, overwrite=overwrite) != "complete":
        size = per_task(PHOTOS_PER_TASK, len(photos))
        tasks = [
            _Task(location, index, group, visits, settings)
            for index, group in enumerate(bounded_groups(photos, size, PIXELS_PER_TASK))
        ]
        run_parts(
            client,
            location,
            NOISE,
            tasks,
            _mine,
            unit="photos",
            name="mine-noise",
            is_intact=_has_patches,
        )
        seen = _assemble(location, client, len(tasks), settings)
        finish_stage(location, NOISE, {"windows": seen.windows, "refused": seen.refused})
    small = [photo for photo in photos if min(photo.height, photo.width) < settings.patch]
    return _report(location, tuple(_too_small(photo, settings) for photo in small))


def _too_small(photo: Photo, settings: NoiseSettings) -> tuple[str, str]:
    size = f"{photo.width}x{photo.height}"
    return photo.path, f"{size} is smaller than a noise patch of {settings.patch}"


def _mine(task: _Task) -> Tally:
    """Mine a group of photos into two parts: the patches first, then all that was measured."""
    want = Mined(task.settings)
    found = [task.visits.find(photo, want) for photo in task.photos]
    part = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    counts = [len(one["accepted"]) for one in found]
    part["source"] = np.repeat([photo.row for photo in task.photos], counts).astype(np.int32)
    part["residuals"] = part["residuals"].sum(axis=0)
    save_part(task.location, PATCHES, task.index, {"patches": part.pop("patches")})
    save_part(task.location, NOISE, task.index, part)
    for photo in task.photos:
        task.visits.drop(photo, want)
    return Tally(len(task.photos))


def _has_patches(task: _Task, part: Arrays) -> bool:
    return load_part(task.location, PATCHES, task.index) is not None


def _assemble(location: str, client: Client, parts: int, settings: NoiseSettings) -> Distribution:
    """Write the bank from the parts, in memory no more of them than what was measured."""
    bank: list[Arrays] = []
    grain: list[Arrays] = []
    residuals = np.zeros((3, BINS, STEPS), np.int64)

    def windows() -> Iterator[Windows]:
        for part in read_parts(location, NOISE, parts):
            kept = part["accepted"].astype(bool)
            bank.append({name: part[name][kept] for name in NOISE_COLUMNS})
            grain.append({name: part[name] for name in _GRAIN})
            np.add(residuals, part["residuals"], out=residuals)
            measured: dict[str, Any] = {name: part[name] for name in _MEASURED}
            yield Windows(**measured)

    seen = distribution(windows(), settings)
    if not seen.accepted:
        discard_stage(location, NOISE)
        raise NothingToDo(explain_empty(seen, settings))
    columns = {name: np.concatenate([part[name] for part in bank]) for name in NOISE_COLUMNS}
    write_columns(location, NOISE, NOISE_COLUMNS, columns)
    spatial, channels = (np.concatenate([part[name] for part in grain]) for name in _GRAIN)
    _write_sensor(location, measure(residuals, spatial, channels))
    write_bank(location, client, [len(part["source"]) for part in bank], settings.patch)
    return seen


def _write_sensor(location: str, sensor: Sensor) -> None:
    """Write what all photos together say of their noise."""
    for name, meaning in NOISE_SENSOR.items():
        write_array(location, NOISE, name, getattr(sensor, name), meaning)


def rebuild_patches(location: str, chunks: Sequence[int]) -> None:
    """Cut chosen chunks of the finished bank anew from the photos.

    Raises:
        StoreError: A photo is gone or changed.
    """
    store = open_store(location)
    check_current(store, NOISE, {"photos": photos_digest(store.sources(), "source")})
    bank = store.noise()
    side, size = bank.patches.shape[1], bank.patches.per_chunk
    photos = {photo.row: photo for photo in usable_photos(store.sources(), "source")}
    array = open_tiles(location, NOISE, "patches")
    for chunk in chunks:
        cut = []
        for i in range(chunk * size, min((chunk + 1) * size, len(bank.patches))):
            pixels = photos[int(bank.source[i])].read()
            row, col = int(bank.row[i]), int(bank.col[i])
            cut.append(to_uint8(pixels[row : row + side, col : col + side]))
        write_chunk(array, chunk, np.stack(cut))


def _report(location: str, refused: tuple[tuple[str, str], ...]) -> NoiseReport:
    store = open_store(location)
    bank = store.noise()
    windows = store.root[NOISE].attrs["windows"]
    assert isinstance(windows, int)
    return NoiseReport(
        patches=len(bank.patches),
        windows=windows,
        mean=float(bank.mean.mean()),
        deviation=float(np.sqrt(bank.variance.mean())),
        curve=tuple(float(value) for value in np.sqrt(bank.sensor.curve.mean(axis=0))),
        refused=refused,
    )
