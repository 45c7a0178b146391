"""Stage `estimate-kernels`: photos to blur kernels, by any of the estimators."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from distributed import Client, get_worker

from degrade.arrays import F32, Image
from degrade.kernels.estimator import Train
from degrade.kernels.estimator_table import estimator_of
from degrade.kernels.parametric import gaussian_parameters
from degrade.store.contents import Kernels
from degrade.store.made_from import photos_digest
from degrade.store.parts import save_part
from degrade.store.reader import open_store
from degrade.store.schema import KERNEL_COLUMNS, kernels_group
from degrade.store.stages import StageIdentity, begin_stage, finish_stage
from degrade.store.writer import write_columns, write_rows
from pipelines.parted import Tally, read_parts, run_parts
from pipelines.photos import bounded_groups, usable_photos
from pipelines.streaming import stream
from pipelines.visits import NO_VISITS, PhotosTask, Visits
from pipelines.workers import gpu, sharing_gpu

Settings = Any
"""Of one of `degrade.kernels.estimator_table.ESTIMATORS`."""

_STAGE = "estimate-kernels"
PIXELS_PER_PHOTO, MAX_PIXELS = 12_500_000, 4_000_000_000
"""Of a task's photos on average, and together at the most: 12 GB."""


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


@dataclass(frozen=True)
class _Task(PhotosTask):
    settings: Settings
    device: str


def estimate_kernels(
    location: str,
    client: Client,
    settings: Settings,
    *,
    device: str = "auto",
    overwrite: bool = False,
    visits: Visits = NO_VISITS,
) -> KernelsReport:
    """Estimate the kernel of every usable source photo into the store's `kernels/x{s}`.

    Photos are grouped in the order of the store, so that a photo's neighbours in its batch, and
    with them its bytes, are a function of the folder alone.

    Raises:
        NothingToDo: There are no usable photos.
        StoreError: There was no scan, or the kernels were begun with other settings.
        TrainingError: The device is not there.
    """
    sources = open_store(location).sources()
    photos = usable_photos(sources, "source")
    group = kernels_group(settings.scale)
    parameters = settings.model_dump()
    needs: dict[str, float] = {}
    if estimator_of(settings).train is not None:
        needs = gpu(client, device)
        asked = _Asked(device, settings, sharing_gpu(client))
        device, settings = next(stream(client, _resolved, [asked], needs))
        parameters = {**settings.model_dump(), "device": device}
    size = estimator_of(settings).photos_per_task(settings)
    inputs = {"photos": photos_digest(sources, "source")}
    identity = StageIdentity(_STAGE, parameters, inputs)
    if begin_stage(location, group, identity, overwrite=overwrite) != "complete":
        tasks = [
            _Task(location, index, batch, visits, settings, device)
            for index, batch in enumerate(bounded_groups(photos, size, _pixels(size)))
        ]
        run_parts(
            client, location, group, tasks, _estimate, unit="photos", name=_STAGE, resources=needs
        )
        _assemble(location, settings, len(tasks))
        finish_stage(location, group)
    return _report(open_store(location).kernels(settings.scale), sources.path)


def _pixels(photos: int) -> int:
    """Return how many pixels a task's photos may have together: they are in memory at once."""
    return min(photos * PIXELS_PER_PHOTO, MAX_PIXELS)


@dataclass(frozen=True)
class _Asked:
    device: str
    settings: Settings
    sharing: int


def _resolved(asked: _Asked) -> tuple[str, Settings]:
    """Return the device that a worker has for ``auto``, ``cpu`` or ``cuda``, and what follows."""
    from sr_train.parts.device import choose_device

    device = choose_device(asked.device)
    resolve = estimator_of(asked.settings).resolve
    return device.type, resolve(asked.settings, str(device), asked.sharing)


def _estimate(task: _Task) -> Tally:
    """Estimate the kernels of a group of photos, from what was measured or from their pixels."""
    estimator = estimator_of(task.settings)
    want = estimator.measure(task.settings)
    found: list[Any] = [
        photo.read() if want is None else task.visits.find(photo, want) for photo in task.photos
    ]
    keys = [photo.sha256 for photo in task.photos]
    trained = None if estimator.train is None else _train(estimator.train, found, keys, task)
    part = dict(estimator.rows(found, trained, keys, task.settings))
    photo_of = np.asarray(part.pop("photo"), int)
    part["source"] = np.array([photo.row for photo in task.photos], np.int32)[photo_of]
    save_part(task.location, kernels_group(task.settings.scale), task.index, part)
    if want is not None:
        for photo in task.photos:
            task.visits.drop(photo, want)
    accepted = np.asarray(part["accepted"], bool)
    good = np.bincount(photo_of[accepted], minlength=len(task.photos)) > 0
    return Tally(len(task.photos), int((~good).sum()))


def _train(train: Train, photos: list[Image], keys: list[str], task: _Task) -> Any:
    """Train on one batch; torch is imported here, in the worker that needs it."""
    from sr_train.parts.device import cpu_threads

    worker = get_worker()
    total = task.settings.iterations * task.settings.restarts

    def tell(iterations: int) -> None:
        worker.log_event(_STAGE, iterations / total)

    with cpu_threads(1):
        return train(photos, keys, task.settings, task.device, tell)


def _assemble(location: str, settings: Settings, parts: int) -> None:
    """Write the kernels from the parts; few are in memory at a time, but for their columns."""
    group = kernels_group(settings.scale)
    rest = [
        {name: column for name, column in part.items() if name != "weights"}
        for part in read_parts(location, group, parts)
    ]
    columns = {name: np.concatenate([part[name] for part in rest]) for name in rest[0]}
    read = read_parts(location, group, parts)
    estimated = (np.asarray(part["weights"], np.float32) for part in read)
    columns, weights = estimator_of(settings).join(columns, estimated, settings)
    shapes: list[tuple[float, float, float]] = []

    def described() -> Iterator[F32]:
        for kernels in weights:
            shapes.extend(gaussian_parameters(kernel) for kernel in kernels)
            yield kernels

    write_rows(location, group, "weights", len(columns["source"]), described())
    names = ("sigma_major", "sigma_minor", "angle")
    columns |= dict(zip(names, np.array(shapes).T, strict=True))
    write_columns(location, group, KERNEL_COLUMNS, columns)


def _report(kernels: Kernels, paths: np.ndarray[tuple[int], np.dtype[np.generic]]) -> KernelsReport:
    refused = np.flatnonzero(~kernels.accepted)
    good = kernels.accepted
    any_good = bool(good.any())
    return KernelsReport(
        kernels=len(good),
        accepted=int(good.sum()),
        mean_score=float(kernels.score[good].mean()) if any_good else 0.0,
        sigma_major=float(np.median(kernels.sigma_major[good])) if any_good else 0.0,
        sigma_minor=float(np.median(kernels.sigma_minor[good])) if any_good else 0.0,
        refused=tuple((str(paths[kernels.source[i]]), str(kernels.reason[i])) for i in refused),
    )
