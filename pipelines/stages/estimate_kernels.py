"""Stage `estimate-kernels`: photos to blur kernels, by any of the estimators."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from degrade.arrays import F32, Image
from degrade.kernels.estimator import Columns, Train
from degrade.kernels.estimator_table import estimator_of
from degrade.kernels.parametric import gaussian_parameters
from degrade.store.contents import Kernels
from degrade.store.photo_groups import (
    ESTIMATE_KERNELS,
    KnownCameras,
    PhotoGroups,
    groups_of,
    known_cameras,
)
from degrade.store.reader import open_store
from degrade.store.schema import (
    KERNEL_COLUMNS,
    KERNEL_POSTERIOR,
    PHOTO_GROUP,
    kernels_group,
)
from degrade.store.stage_inputs import photos_digest
from degrade.store.stages import StageIdentity, software
from degrade.store.task_results import TaskResults
from pipelines.execution.cluster import Client, log_event
from pipelines.execution.stage_writer import StageWriter, TaskOutput, begin
from pipelines.execution.streaming import stream
from pipelines.execution.workers import gpu, sharing_gpu
from pipelines.photos.cache import NO_CACHE, PhotoCache
from pipelines.photos.previous_results import PhotoResults, PreviousResults, save_results
from pipelines.photos.reading import Photo, bounded_groups, usable_photos

Settings = Any
"""The settings of one of `degrade.kernels.estimator_table.ESTIMATORS`."""

_STAGE = ESTIMATE_KERNELS
PIXELS_PER_PHOTO, MAX_PIXELS = 12_500_000, 4_000_000_000
"""Pixels of a task's photos: on average, and together at the most (12 GB)."""


@dataclass(frozen=True)
class KernelsOfGroup:
    """The kernels of one camera's photos; fields as of `KernelsReport`."""

    name: str
    photos: int
    accepted: int
    sigma_major: float
    sigma_minor: float


@dataclass(frozen=True)
class KernelsReport:
    """What was estimated: how many, how many accepted, and why the others were not."""

    kernels: int
    accepted: int
    mean_score: float
    sigma_major: float
    """Median over the accepted kernels, HR pixels; likewise the next."""
    sigma_minor: float
    refused: tuple[tuple[str, str], ...]
    """Photo and reason of each refused estimate."""
    groups: tuple[KernelsOfGroup, ...] = ()
    """Each camera's kernels, where the photos are of several."""
    grouped_by: str = ""
    """How photos were grouped by camera: exif, folder or estimates."""


def estimate_kernels(
    location: str,
    client: Client,
    settings: Settings,
    *,
    device: str = "auto",
    overwrite: bool = False,
    cache: PhotoCache = NO_CACHE,
) -> KernelsReport:
    """Estimate the kernel of every usable source photo into the store's `kernels/x{s}`.

    Photos are grouped in the order of the store, so that a photo's neighbours in its batch, and
    with them its bytes, are a function of the folder alone.

    Raises:
        NothingToDo: There are no usable photos.
        StoreError: There was no check, or the kernels were begun with other settings.
        TrainingError: The device is not there.
    """
    store = open_store(location)
    sources = store.sources()
    photos = usable_photos(sources, "source")
    group = kernels_group(settings.scale)
    parameters = settings.model_dump()
    needs: dict[str, float] = {}
    if estimator_of(settings).train is not None:
        needs = gpu(client, device)
        resolved = partial(_resolved, device, sharing_gpu(client))
        device, settings = next(stream(client, resolved, [settings], needs))
        parameters = {**settings.model_dump(), "device": device}
    size = estimator_of(settings).photos_per_task(settings)
    known = known_cameras(sources, settings.group)
    inputs = {"photos": photos_digest(sources, "source"), **known.inputs()}
    identity = StageIdentity(_STAGE, parameters, inputs)
    with begin(store, client, group, identity, overwrite=overwrite) as out:
        if out.needed:
            groups = bounded_groups(photos, size, _pixels(size))
            measure = estimator_of(settings).measure(settings)
            previous = PreviousResults.of(location, group)
            each = None if measure is None else PhotoResults(previous, cache, measure)
            estimate = partial(_estimate, settings, device, each or previous)
            drop = None if measure is None else partial(cache.drop, measure)
            results = out.run(groups, estimate, "photos", after=drop, resources=needs)
            _assemble(out, settings, results, known)
    by = str(store.recorded(group).get("grouped_by", ""))
    return _report(store.kernels(settings.scale), sources.path, by)


def _pixels(photos: int) -> int:
    """Return how many pixels a task's photos may have together: they are in memory at once."""
    return min(photos * PIXELS_PER_PHOTO, MAX_PIXELS)


def _resolved(device: str, sharing: int, settings: Settings) -> tuple[str, Settings]:
    """Return the device that a worker has for ``auto``, ``cpu`` or ``cuda``, and what follows."""
    from sr_train.compute.device import choose_device

    chosen = choose_device(device)
    return chosen.type, estimator_of(settings).resolve(settings, str(chosen), sharing)


def _estimate(
    settings: Settings, device: str, by: PhotoResults | PreviousResults, photos: Sequence[Photo]
) -> TaskOutput:
    """Estimate the kernels of a group of photos, from what was measured or from their pixels."""
    keys = [photo.sha256 for photo in photos]
    if isinstance(by, PhotoResults):
        result = dict(estimator_of(settings).rows(by.find(photos), None, keys, settings))
    else:
        result = _of_batch(settings, device, by, photos, keys)
    photo_of = np.asarray(result.pop("photo"), int)
    result["source"] = np.array([photo.row for photo in photos], np.int32)[photo_of]
    accepted = np.asarray(result["accepted"], bool)
    good = np.bincount(photo_of[accepted], minlength=len(photos)) > 0
    return TaskOutput(result, int((~good).sum()))


def _of_batch(
    settings: Settings,
    device: str,
    previous: PreviousResults,
    photos: Sequence[Photo],
    keys: list[str],
) -> Columns:
    """Estimate from the pixels of a batch, unless the same photos were a batch before."""
    policy = photos[0].policy.model_dump(mode="json")
    asked = json.dumps([keys, policy, settings.model_dump(mode="json"), device, software()])
    key = hashlib.sha256(asked.encode()).hexdigest()
    result, estimator = previous.named(key), estimator_of(settings)
    if result is None:
        pixels = [photo.read() for photo in photos]
        train = estimator.train
        trained = None if train is None else _train(train, pixels, keys, settings, device)
        result = dict(estimator.rows(pixels, trained, keys, settings))
    save_results(previous, photos[0].row, [key], [result], [0])
    return dict(result)


def _train(
    train: Train, photos: list[Image], keys: list[str], settings: Settings, device: str
) -> Any:
    """Train on one batch; torch is imported here, in the worker that needs it."""
    from sr_train.compute.device import cpu_threads

    total = settings.iterations * settings.restarts

    def report_iterations(iterations: int) -> None:
        log_event(_STAGE, iterations / total)

    with cpu_threads(1):
        return train(photos, keys, settings, device, report_iterations)


def _assemble(
    out: StageWriter, settings: Settings, results: TaskResults, known: KnownCameras
) -> None:
    """Write the kernels of all tasks; few are in memory at a time, but for their columns."""
    rest = [{name: result[name] for name in result if name != "weights"} for result in results]
    columns = {name: np.concatenate([result[name] for result in rest]) for name in rest[0]}
    estimated = (np.asarray(result["weights"], np.float32) for result in results)
    groups = _camera_groups(settings, columns, known)
    rows = [np.arange(len(columns["source"]))]
    if groups is not None:
        labels = np.array([groups.of[row] for row in columns["source"].tolist()])
        rows = [np.flatnonzero(labels == name) for name in groups.names]
        columns["photo_group"] = labels
        out.results.update(groups.facts())
    columns, weights = estimator_of(settings).join(columns, estimated, settings, rows)
    shapes: list[tuple[float, float, float]] = []

    def described() -> Iterator[F32]:
        for kernels in weights:
            shapes.extend(gaussian_parameters(kernel) for kernel in kernels)
            yield kernels

    out.rows("weights", len(columns["source"]), described())
    names = ("sigma_major", "sigma_minor", "angle")
    columns |= dict(zip(names, np.array(shapes).T, strict=True))
    more = PHOTO_GROUP if groups is not None else {}
    if columns.keys() >= KERNEL_POSTERIOR.keys():
        more = more | KERNEL_POSTERIOR
    out.columns(KERNEL_COLUMNS | more, columns)


def _camera_groups(settings: Settings, columns: Columns, known: KnownCameras) -> PhotoGroups | None:
    """Return the photos' groups, those of photos whose camera is not known by their blurs."""
    sources = columns["source"].tolist()
    blurs = estimator_of(settings).blurs(columns) if known.folders else {}
    of_source = {sources[row]: blur for row, blur in blurs.items() if sources[row] in known.folders}
    if not of_source:
        return known.settled({})
    from degrade.kernels.clusters import clusters

    found = clusters(list(of_source.values()), known.units(list(of_source)))
    return known.settled(dict(zip(of_source, found.tolist(), strict=True)))


def _report(
    kernels: Kernels, paths: np.ndarray[tuple[int], np.dtype[np.generic]], by: str
) -> KernelsReport:
    refused = np.flatnonzero(~kernels.accepted)
    good = kernels.accepted
    any_good = bool(good.any())
    groups = groups_of(kernels, by)
    return KernelsReport(
        kernels=len(good),
        accepted=int(good.sum()),
        mean_score=float(kernels.score[good].mean()) if any_good else 0.0,
        sigma_major=float(np.median(kernels.sigma_major[good])) if any_good else 0.0,
        sigma_minor=float(np.median(kernels.sigma_minor[good])) if any_good else 0.0,
        refused=tuple((str(paths[kernels.source[i]]), str(kernels.reason[i])) for i in refused),
        groups=() if groups is None else tuple(_of_group(kernels, groups, n) for n in groups.names),
        grouped_by=by,
    )


def _of_group(kernels: Kernels, groups: PhotoGroups, name: str) -> KernelsOfGroup:
    good = kernels.accepted & (kernels.photo_group == name)
    return KernelsOfGroup(
        name=name,
        photos=sum(other == name for other in groups.of.values()),
        accepted=int(good.sum()),
        sigma_major=float(np.median(kernels.sigma_major[good])) if good.any() else 0.0,
        sigma_minor=float(np.median(kernels.sigma_minor[good])) if good.any() else 0.0,
    )
