"""Stage `mine-noise`: photos to a bank of noise patches."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from degrade.arrays import F64, I32, I64, U8, Image
from degrade.errors import NothingToDo
from degrade.images.colour import to_uint8
from degrade.noise.explain import Distribution, distribution, explain_empty, explain_too_large
from degrade.noise.floor import BINS, STEPS, residual_histogram
from degrade.noise.mining import NoiseSettings, Windows, mine, patches
from degrade.noise.sensor import SensorNoise, grain_of, measure
from degrade.store.contents import NoiseBank
from degrade.store.photo_groups import CamerasByIso, PhotoGroups, groups_by_iso, groups_known
from degrade.store.raw import RawArrays
from degrade.store.reader import Store, open_store
from degrade.store.schema import (
    NOISE,
    NOISE_COLUMNS,
    NOISE_GROUP,
    NOISE_GROUPS,
    NOISE_OF_ISO,
    NOISE_SENSOR,
    PHOTO_GROUP,
)
from degrade.store.stage_inputs import check_measured_on_photos, photos_digest
from degrade.store.stages import StageIdentity
from degrade.store.task_results import Arrays, TaskResults
from degrade.store.writer import tiles_per_chunk
from pipelines.execution.cluster import Client
from pipelines.execution.stage_writer import (
    StageWriter,
    TaskOutput,
    begin,
    blocks,
    per_task,
    rewrite,
)
from pipelines.photos.cache import NO_CACHE, PhotoCache, own_cache
from pipelines.photos.previous_results import PhotoResults, PreviousResults
from pipelines.photos.reading import Photo, usable_photos
from pipelines.photos.rows import RowsOfPhotos, rows_of_photos

PHOTOS_PER_TASK = 8
BYTES_PER_TASK = 64 * 2**20
"""Bytes of the patches that one task copies into the bank."""
_CURRENT = {"arrays": ("curve",)}
_GRAIN = ("autocorrelation", "channels")
_OF_PHOTO = ("residuals", *_GRAIN)
_MEASURED = ("row", "col", "mean", "variance", "clipped", "structure", "accepted")


@dataclass(frozen=True)
class NoiseOfPhotos:
    """The noise of one group of photos; ``curve`` as of `NoiseReport`."""

    name: str
    photos: int
    patches: int
    curve: tuple[float, ...]


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
    groups: tuple[NoiseOfPhotos, ...] = ()
    """The noise of each camera and range of sensitivities, where the photos are of several."""
    grouped_by: str = ""
    """Bytes told them apart: exif, folder or estimates; ISO too, or alone."""


@dataclass(frozen=True)
class NoiseMeasure:
    """The noise of one photo: measurements of all windows, pixels of the accepted ones."""

    settings: NoiseSettings

    @classmethod
    def by(cls, settings: NoiseSettings) -> "NoiseMeasure":
        """Return what a stage with some settings measures, however photos are grouped."""
        return cls(settings.model_copy(update={"group": "auto"}))

    def scratch_bytes(self, height: int, width: int) -> int | None:
        """As `pipelines.photos.cache.PhotoMeasure`: the stage saves the result."""
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


def mine_noise(
    location: str,
    client: Client,
    settings: NoiseSettings,
    *,
    overwrite: bool = False,
    cache: PhotoCache = NO_CACHE,
) -> NoiseReport:
    """Cut noise patches from every usable source photo into the store's `noise`.

    Raises:
        NothingToDo: No patch was found; the text has the distribution seen and the thresholds
            that would have given some. Or no photo is as large as a patch.
        StoreError: There was no check, or the bank was begun with other settings.
    """
    store = open_store(location)
    sources = store.sources()
    photos = usable_photos(sources, "source")
    sizes = [(photo.height, photo.width) for photo in photos]
    if max(min(size) for size in sizes) < settings.patch:
        raise NothingToDo(explain_too_large(sizes, settings.patch))
    groups = groups_known(store, settings.group)
    if settings.group != "none":
        groups = groups_by_iso(groups, sources)
    inputs = {"photos": photos_digest(sources, "source")} | (groups.inputs() if groups else {})
    identity = StageIdentity("mine-noise", settings.model_dump(), inputs)
    # An earlier version's has the same settings and less in it.
    anew = overwrite and "curve" not in store.stages().get(NOISE, _CURRENT)["arrays"]
    with (
        own_cache(location, client, cache) as left,
        begin(store, client, NOISE, identity, overwrite=overwrite, anew=anew) as out,
    ):
        if out.needed:
            size = per_task(PHOTOS_PER_TASK, len(photos))
            tasks = [photos[rows.start : rows.stop] for rows in blocks(len(photos), size)]
            number = np.zeros(len(sources.path), np.int64)
            if groups is not None:
                number = groups.numbers(len(sources.path))
            previous, names = PreviousResults.of(location, NOISE), (*_MEASURED, *_OF_PHOTO)
            each = PhotoResults(
                previous, left, NoiseMeasure.by(settings), names, "accepted", keep=True
            )
            mined = out.run(tasks, partial(_mine, each, number), "photos")
            seen, columns = _assemble(out, mined, settings, groups)
            _write_patches(out, photos, columns["source"], settings, each)
            out.results.update({"windows": seen.windows, "refused": seen.refused})
    small = [photo for photo in photos if min(photo.height, photo.width) < settings.patch]
    return _report(store, tuple(_too_small(photo, settings) for photo in small))


def _too_small(photo: Photo, settings: NoiseSettings) -> tuple[str, str]:
    size = f"{photo.width}x{photo.height}"
    return photo.path, f"{size} is smaller than a noise patch of {settings.patch}"


def _mine(each: PhotoResults, number: I64, photos: Sequence[Photo]) -> TaskOutput:
    """Mine some photos; their patches are left apart from what was measured.

    ``number`` has the group of each row of `sources`; residuals are summed group by group.
    """
    found = each.find(photos)
    result = {name: np.concatenate([one[name] for one in found]) for name in each.names}
    counts = [len(one["accepted"]) for one in found]
    result["source"] = np.repeat([photo.row for photo in photos], counts).astype(np.int32)
    result["camera"] = number[[photo.row for photo in photos]]
    sums = np.zeros((int(number.max()) + 1, *result["residuals"].shape[1:]), np.int64)
    np.add.at(sums, result["camera"], result["residuals"])
    return TaskOutput({**result, "residuals": sums})


def _assemble(
    out: StageWriter, results: TaskResults, settings: NoiseSettings, groups: PhotoGroups | None
) -> tuple[Distribution, dict[str, npt.NDArray[Any]]]:
    """Write all but the patches; return all that was seen, and the columns of the bank."""
    bank: list[Arrays] = []
    grain: list[Arrays] = []
    count = 1 if groups is None else len(groups.names)
    residuals = np.zeros((count, 3, BINS, STEPS), np.int64)

    def windows() -> Iterator[Windows]:
        for result in results:
            kept = result["accepted"].astype(bool)
            bank.append({name: result[name][kept] for name in NOISE_COLUMNS})
            grain.append({name: result[name] for name in (*_GRAIN, "camera")})
            np.add(residuals, result["residuals"], out=residuals)
            measured: dict[str, Any] = {name: result[name] for name in _MEASURED}
            yield Windows(**measured)

    seen = distribution(windows(), settings)
    if not seen.accepted:
        raise NothingToDo(explain_empty(seen, settings))
    columns = {name: np.concatenate([result[name] for result in bank]) for name in NOISE_COLUMNS}
    out.columns(NOISE_COLUMNS, columns)
    spatial, channels = (np.concatenate([result[name] for result in grain]) for name in _GRAIN)
    sensor = measure(residuals.sum(axis=0), spatial, channels)
    for name, meaning in NOISE_SENSOR.items():
        out.array(name, getattr(sensor, name), meaning)
    if groups is not None:
        number = np.concatenate([part["camera"] for part in grain])

        def of(some: list[int], otherwise: Callable[[], SensorNoise]) -> SensorNoise:
            own = np.isin(number, some)
            return _sensor_of(residuals[some].sum(axis=0), spatial[own], channels[own], otherwise)

        sensors = [
            of([n], partial(of, alike, lambda: sensor))
            for n, alike in enumerate(_of_one_camera(groups))
        ]
        _write_groups(out, groups, columns["source"], sensors)
    return seen, columns


def _of_one_camera(groups: PhotoGroups) -> list[list[int]]:
    """Return the numbers of the groups of each one's camera, its own among them."""
    if not isinstance(groups, CamerasByIso):
        return [[number] for number in range(len(groups.names))]
    cameras = [groups.camera[name] for name in groups.names]
    return [[n for n, other in enumerate(cameras) if other == camera] for camera in cameras]


def _sensor_of(
    residuals: I64, spatial: F64, channels: F64, otherwise: Callable[[], SensorNoise]
) -> SensorNoise:
    """Return the sensor of some photos; what they do not show is that of more of them."""
    if not residuals.any():
        return otherwise()
    if np.isnan(spatial).all():
        known = otherwise()
        spatial, channels = known.autocorrelation[None], known.channels[None]
    return measure(residuals, spatial, channels)


def _write_groups(
    out: StageWriter, groups: PhotoGroups, source: I32, sensors: Sequence[SensorNoise]
) -> None:
    """Write which patches are of which group, and each one's sensor."""
    out.columns(PHOTO_GROUP, {"photo_group": [groups.of[row] for row in source.tolist()]})
    out.columns(NOISE_GROUP, {"group_name": groups.names})
    if isinstance(groups, CamerasByIso):
        camera = [groups.camera[name] for name in groups.names]
        out.columns(NOISE_OF_ISO, {"group_camera": camera, "source_group": groups.of_source})
    for name, meaning in NOISE_GROUPS.items():
        field = name.removeprefix("group_")
        out.array(name, np.stack([getattr(sensor, field) for sensor in sensors]), meaning)
    out.results.update(groups.facts())


def _write_patches(
    out: StageWriter,
    photos: Sequence[Photo],
    source: I32,
    settings: NoiseSettings,
    each: PhotoResults,
) -> None:
    """Write the bank's array of patches in the order of the photos."""
    side, per_chunk = settings.patch, tiles_per_chunk(settings.patch)
    rows = max(1, BYTES_PER_TASK // (per_chunk * side * side * 3)) * per_chunk
    groups = rows_of_photos(*_giving(photos, source), rows)
    shapes, copied = {"patches": (len(source), side, side, 3)}, partial(_patches, each)
    out.tiles(shapes, per_chunk, groups, copied, "patches", subgroup="copies", name="noise bank")
    each.cache.drop(each.measure, photos)


def _giving(photos: Sequence[Photo], source: I32) -> tuple[list[Photo], I64]:
    """Return the photos that have patches, and the row of each one's first and the total."""
    known = {photo.row: photo for photo in photos}
    rows, first = np.unique(source, return_index=True)
    return [known[row] for row in rows.tolist()], np.append(first, len(source))


def _patches(each: PhotoResults, rows: RowsOfPhotos) -> Iterator[tuple[U8]]:
    """Yield patches, those of one photo at a time in memory."""
    for span in rows.photos:
        known = each.previous.rows("patches", span.photo, each.measure)
        cut = known if known is not None else _cut(each, span.photo)
        for patch in cut[rows.own(span)]:
            yield (patch,)


def _cut(each: PhotoResults, photo: Photo) -> U8:
    found = each.cache.get(photo, each.measure, ("patches",))["patches"]
    return found.astype(np.uint8, copy=False)


def rebuild_patches(store: Store, client: Client, group: str, chunks: Sequence[int]) -> None:
    """Cut chosen chunks of the finished bank anew from the photos.

    Raises:
        StoreError: A photo is gone or changed.
    """
    check_measured_on_photos(store, group)
    bank, photos = store.noise(), usable_photos(store.sources(), "source")
    groups = rows_of_photos(*_giving(photos, bank.source), bank.patches.per_chunk, chunks)
    raw = RawArrays(store.location, group, ("patches",))
    rewrite(client, raw, groups, partial(_cut_again, store.location))


def _cut_again(location: str, rows: RowsOfPhotos) -> Iterator[tuple[U8]]:
    bank = open_store(location).noise()
    side = bank.patches.shape[1]
    for span in rows.photos:
        pixels = span.photo.read()
        for i in range(span.first, span.last)[rows.own(span)]:
            row, col = int(bank.row[i]), int(bank.col[i])
            yield (to_uint8(pixels[row : row + side, col : col + side]),)


def _report(store: Store, refused: tuple[tuple[str, str], ...]) -> NoiseReport:
    bank = store.noise()
    stage = store.recorded(NOISE)
    return NoiseReport(
        patches=len(bank.patches),
        windows=stage["windows"],
        mean=float(bank.mean.mean()),
        deviation=float(np.sqrt(bank.variance.mean())),
        curve=_deviations(bank.sensor.curve),
        refused=refused,
        groups=_groups(bank, stage.get("groups", {})),
        grouped_by=stage.get("grouped_by", ""),
    )


def _groups(bank: NoiseBank, photos: Mapping[str, int]) -> tuple[NoiseOfPhotos, ...]:
    if bank.group_name is None or bank.group_curve is None:
        return ()
    patches = Counter(map(str, bank.photo_group if bank.photo_group is not None else ()))
    return tuple(
        NoiseOfPhotos(str(name), photos[str(name)], patches[str(name)], _deviations(curve))
        for name, curve in zip(bank.group_name, bank.group_curve, strict=True)
    )


def _deviations(curve: F64) -> tuple[float, ...]:
    return tuple(float(value) for value in np.sqrt(curve.mean(axis=0)))
