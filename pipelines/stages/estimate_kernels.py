"""Stage `estimate-kernels`: photos to blur kernels, by their spectra or by KernelGAN."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from distributed import Client, get_worker

from degrade.arrays import F32, Image
from degrade.kernels import spectral
from degrade.kernels.combined import combine, witnessed
from degrade.kernels.parametric import gaussian_parameters
from degrade.kernels.pooling import pool, single
from degrade.kernels.quality import KernelEstimate
from degrade.kernels.settings import KernelSettings, SpectralSettings
from degrade.kernels.shape import canvas_size
from degrade.kernels.trust import as_score, expected_error
from degrade.store.contents import Kernels
from degrade.store.parts import Arrays, save_part
from degrade.store.reader import open_store
from degrade.store.schema import KERNEL_COLUMNS, kernels_group
from degrade.store.stages import StageIdentity, begin_stage, finish_stage
from degrade.store.writer import write_columns, write_rows
from pipelines.parted import Tally, read_parts, run_parts
from pipelines.photos import bounded_groups, usable_photos
from pipelines.stages.scan import photos_digest
from pipelines.streaming import stream
from pipelines.visits import NO_VISITS, PhotosTask, Visits
from pipelines.workers import gpu, sharing_gpu

Settings = SpectralSettings | KernelSettings

_STAGE = "estimate-kernels"
_UNKNOWN = np.full(4, np.nan)
SPECTRAL_PHOTOS_PER_TASK = 16
PIXELS_PER_PHOTO, MAX_PIXELS = 12_500_000, 4_000_000_000
"""Of a task's photos on average, and together at the most: 12 GB."""
KERNELS_AT_A_TIME = 1024
MIN_SCORE = 0.05
"""Below, the spectral fit itself expects an L1 error of 0.9: no better than a guess."""


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
class Measured:
    """One photo's blur by its spectrum, which needs no settings."""

    def room(self, height: int, width: int) -> int | None:
        """As `pipelines.visits.Want`: the result becomes a part of the stage."""
        return 0

    def __call__(self, pixels: Image) -> Arrays:
        """Return the blur [4] and its variances [4], a score, and a reason where it has none."""
        fit = spectral.estimate(pixels)
        if isinstance(fit, str):
            blur, variance, score, reason = _UNKNOWN, _UNKNOWN, 0.0, fit
        else:
            blur, variance = fit.blur.values, fit.blur.variance
            score, reason = as_score(expected_error(fit)), ""
        return {
            "blur": blur,
            "variance": variance,
            "score": np.array(score),
            "reason": np.array(reason),
        }


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
    work, size = _measure, SPECTRAL_PHOTOS_PER_TASK
    needs: dict[str, float] = {}
    if isinstance(settings, KernelSettings):
        needs = gpu(client, device)
        asked = _Asked(device, settings, sharing_gpu(client))
        device, settings = next(stream(client, _resolved, [asked], needs))
        parameters = {**settings.model_dump(), "device": device}
        work, size = _train, settings.photos_per_batch
    inputs = {"photos": photos_digest(sources, "source")}
    identity = StageIdentity(_STAGE, parameters, inputs)
    if begin_stage(location, group, identity, overwrite=overwrite) != "complete":
        tasks = [
            _Task(location, index, batch, visits, settings, device)
            for index, batch in enumerate(bounded_groups(photos, size, _pixels(size)))
        ]
        run_parts(client, location, group, tasks, work, unit="photos", name=_STAGE, resources=needs)
        _assemble(location, settings, len(tasks))
        finish_stage(location, group)
    return _report(open_store(location).kernels(settings.scale), sources.path)


def _pixels(photos: int) -> int:
    """Return how many pixels a task's photos may have together: they are in memory at once."""
    return min(photos * PIXELS_PER_PHOTO, MAX_PIXELS)


@dataclass(frozen=True)
class _Asked:
    device: str
    settings: KernelSettings
    sharing: int


def _resolved(asked: _Asked) -> tuple[str, KernelSettings]:
    """Return the device that a worker has for ``auto``, ``cpu`` or ``cuda``, and what follows."""
    from degrade.kernels.device import resolve
    from sr_train.parts.device import choose_device

    device = choose_device(asked.device)
    return device.type, resolve(asked.settings, device, asked.sharing)


def _train(task: _Task) -> Tally:
    """Train KernelGAN on one batch; torch is imported here, in the worker that needs it."""
    from degrade.kernels.kernelgan import estimate_kernels as estimate
    from sr_train.parts.device import cpu_threads

    assert isinstance(task.settings, KernelSettings)
    worker = get_worker()
    total = task.settings.iterations * task.settings.restarts

    def tell(iterations: int) -> None:
        worker.log_event(_STAGE, iterations / total)

    keys = [photo.sha256 for photo in task.photos]
    pixels = [photo.read() for photo in task.photos]
    with cpu_threads(1):
        estimates = estimate(pixels, keys, task.settings, task.device, tell)
    restarts = task.settings.restarts
    joined = combine if task.settings.estimator == "combined" else witnessed
    witnesses = [one for photo in pixels for one in [spectral.estimate(photo)] * restarts]
    small = [min(photo.shape[:2]) < spectral.MIN_SIDE for photo in pixels for _ in range(restarts)]
    judged = [
        one if alone and joined is witnessed else joined(one, witness, task.settings.scale)
        for one, witness, alone in zip(estimates, witnesses, small, strict=True)
    ]
    rows = np.repeat([photo.row for photo in task.photos], restarts)
    _save(task, rows, judged, {})
    accepted = np.array([estimate.accepted for estimate in judged])
    lost = ~accepted.reshape(len(task.photos), restarts).any(axis=1)
    return Tally(len(task.photos), int(lost.sum()))


def _measure(task: _Task) -> Tally:
    """Measure the spectra of a group of photos; kernels are made when all of them are known."""
    want = Measured()
    found = [task.visits.find(photo, want) for photo in task.photos]
    empty = np.zeros((0, 0), np.float32)  # made when all photos' blurs are known
    estimates = [
        KernelEstimate(empty, photo.sha256, 0, float(fit["score"]), not reason, reason)
        for photo, fit in zip(task.photos, found, strict=True)
        for reason in [str(fit["reason"])]
    ]
    extra = {name: np.stack([fit[name] for fit in found]) for name in ("blur", "variance")}
    _save(task, np.array([photo.row for photo in task.photos]), estimates, extra)
    for photo in task.photos:
        task.visits.drop(photo, want)
    return Tally(len(task.photos), sum(not estimate.accepted for estimate in estimates))


def _save(
    task: _Task,
    rows: np.ndarray[tuple[int], np.dtype[np.int64]],
    estimates: Sequence[KernelEstimate],
    extra: Arrays,
) -> None:
    part: Arrays = {
        "weights": np.stack([estimate.weights for estimate in estimates]),
        "source": rows.astype(np.int32),
        "seed": np.array([estimate.seed for estimate in estimates], np.int64),
        "score": np.array([estimate.score for estimate in estimates], np.float32),
        "accepted": np.array([estimate.accepted for estimate in estimates]),
        "reason": np.array([estimate.reason for estimate in estimates]),
        **extra,
    }
    save_part(task.location, kernels_group(task.settings.scale), task.index, part)


def _assemble(location: str, settings: Settings, parts: int) -> None:
    """Write the kernels from the parts; few are in memory at a time, but for their columns."""
    group = kernels_group(settings.scale)
    rest = [
        {name: column for name, column in part.items() if name != "weights"}
        for part in read_parts(location, group, parts)
    ]
    columns = {name: np.concatenate([part[name] for part in rest]) for name in rest[0]}
    if isinstance(settings, SpectralSettings):
        columns, weights = _pooled(columns, settings)
    else:
        read = read_parts(location, group, parts)
        weights = (np.asarray(part["weights"], np.float32) for part in read)
    shapes: list[tuple[float, float, float]] = []

    def described() -> Iterator[F32]:
        for kernels in weights:
            shapes.extend(gaussian_parameters(kernel) for kernel in kernels)
            yield kernels

    write_rows(location, group, "weights", len(columns["source"]), described())
    names = ("sigma_major", "sigma_minor", "angle")
    columns |= dict(zip(names, np.array(shapes).T, strict=True))
    write_columns(location, group, KERNEL_COLUMNS, columns)


def _pooled(columns: Arrays, settings: SpectralSettings) -> tuple[Arrays, Iterator[F32]]:
    """Let the folder's photos inform each other; return the columns, and the kernels [n, S, S]."""
    confident = np.asarray(columns["score"], float) >= MIN_SCORE
    sure = np.asarray(columns["accepted"], bool) & confident
    fitted = np.flatnonzero(sure)
    blurs = [
        spectral.Blur(blur, variance)
        for blur, variance in zip(columns["blur"][fitted], columns["variance"][fitted], strict=True)
    ]
    if blurs and settings.pool != "none":
        blurs = pool(blurs) if settings.pool == "shrink" else single(blurs)
    unsure = "its parts tell different blurs: no single kernel explains the photo"
    reason = np.where(np.asarray(columns["accepted"], bool) & ~sure, unsure, columns["reason"])
    of_row = dict(zip(fitted.tolist(), blurs, strict=True))
    weights = _kernels(of_row, len(sure), settings.scale)
    return {**columns, "accepted": sure, "reason": reason}, weights


def _kernels(blurs: Mapping[int, spectral.Blur], total: int, scale: int) -> Iterator[F32]:
    """Yield the kernels of rows, some at a time; zeros where there is no blur."""
    side = canvas_size(scale)
    for start in range(0, total, KERNELS_AT_A_TIME):
        kernels = np.zeros((min(KERNELS_AT_A_TIME, total - start), side, side), np.float32)
        for index in range(len(kernels)):
            if start + index in blurs:
                kernels[index] = blurs[start + index].kernel(scale)
        yield kernels


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
