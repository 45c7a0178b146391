"""A few photos of a folder put through every stage's work, with a clock beside it."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import cv2
import numpy as np

from degrade.arrays import Image
from degrade.degradation import degrade, to_uint8
from degrade.errors import ImageRefused
from degrade.images.decode import DecodePolicy, decode
from degrade.images.files import open_regular, read_whole, resolve_inside
from degrade.images.keep import Keep
from degrade.images.opening import claimed_size
from degrade.images.policy import CheckPolicy
from degrade.images.scores import scores_of
from degrade.images.source_record import SourceRecord
from degrade.kernels.estimator_settings import KernelSettings
from degrade.kernels.estimator_table import estimator_of
from degrade.kernels.lens import Lens, degrade_by_lens
from degrade.kernels.parametric import gaussian_kernel
from degrade.kernels.shape import bicubic_kernel, canvas_size
from degrade.noise.mining import NoiseSettings, mine
from degrade.pairs import PairSettings, hr_size, make_hr
from pipelines.execution.progress import track
from pipelines.recipes.recipe import Recipe
from pipelines.stages.check import MIN_SIDE
from sr_train.settings.common import TrainingSettings

Result = TypeVar("Result")

GAN_ITERATIONS = 50
"""KernelGAN iterations that are run; the second half of them is timed."""


@dataclass(frozen=True)
class Work:
    """What one photo took and gave, or sums over photos; seconds on one core."""

    pixels: int = 0
    decoding: float = 0
    kernels: int = 0
    """Photos that can give a kernel."""
    judging: float = 0
    """Spectra of the photo and, before KernelGAN, the check whether it can learn from it."""
    windows: int = 0
    patches: int = 0
    mining: float = 0
    hr_photo_pixels: int = 0
    """Pixels of the photos that were made into HR."""
    hr_pixels: int = 0
    cleaning: float = 0
    degrading: float = 0


@dataclass(frozen=True)
class PhotoSample:
    """What a sample of a folder's photos gave."""

    files: int
    work: Work
    patches: tuple[int, ...]
    """Noise patches in each usable photo."""
    refused: tuple[tuple[str, str], ...]
    training: float | None
    """Seconds that KernelGAN trains per photo of a batch; None where it was not run."""

    @property
    def usable(self) -> int:
        """Photos that decoded."""
        return self.files - len(self.refused)


def spread(names: Sequence[str], count: int) -> list[str]:
    """Return ``count`` names, or all if there are fewer, spread evenly over the list."""
    rows = np.linspace(0, len(names) - 1, min(count, len(names)))
    return [names[round(row)] for row in rows]


def read_header(folder: Path, name: str, policy: DecodePolicy) -> SourceRecord:
    """Return a file's size as its header claims it; sides may be swapped by EXIF rotation."""
    try:
        with open_regular(resolve_inside(folder, name), name) as file:
            height, width = claimed_size(file, name)
    except Exception as error:  # Pillow's plugins raise whatever their parsing runs into
        return SourceRecord(name, "", 0, 0, "refused", str(error), ())
    fits = min(height, width) >= MIN_SIDE and height * width <= policy.max_pixels
    return SourceRecord(name, "", height, width, "ok" if fits else "refused", "", ())


def measure(folder: Path, names: Sequence[str], recipe: Recipe, device: str) -> PhotoSample:
    """Put photos through the work of a recipe's stages on one core; nothing is written.

    The first photo is done twice and its first time dropped: it pays for what is set up once.
    """
    settings = recipe.stages.kernels
    estimator = estimator_of(settings) if settings else None
    trains = estimator is not None and estimator.train is not None
    batch = estimator.photos_per_task(settings) if estimator and trains else 0
    works: list[Work] = []
    refused: list[tuple[str, str]] = []
    kept: list[Image] = []
    with _one_core(), track("sample", len(names), "photos") as counter:
        for index, name in enumerate(chain(names[:1], names)):
            try:
                seconds, photo = _timed(partial(_read, folder, name, recipe.images))
                work = _work(photo, recipe, seconds)
            except (ImageRefused, OSError) as error:
                work, reason = None, getattr(error, "reason", str(error))
            if index == 0:
                continue
            counter.advance(1, int(work is None))
            if work is None:
                refused.append((name, reason))
                continue
            works.append(work)
            if work.kernels and len(kept) < batch:
                kept.append(photo)
        training = kernelgan_seconds(kept, settings, device) if kept else None
    patches = tuple(work.patches for work in works)
    return PhotoSample(len(names), _sum(works), patches, tuple(refused), training)


def _read(folder: Path, name: str, policy: CheckPolicy) -> Image:
    """Read as the stages do: hashed, decoded, and judged by its scores."""
    data = read_whole(resolve_inside(folder, name), name, policy.max_pixels)
    hashlib.sha256(data).hexdigest()
    photo = decode(data, name, policy.decoding())
    if min(photo.shape[:2]) < MIN_SIDE:
        raise ImageRefused(name, f"is smaller than {MIN_SIDE} pixels")
    fault = Keep.of(policy.keep).fault(scores_of(photo))
    if fault:
        raise ImageRefused(name, fault)
    return photo


def _work(photo: Image, recipe: Recipe, decoding: float) -> Work:
    (height, width), pairs = photo.shape[:2], recipe.stages.pairs
    kernels = recipe.stages.kernels
    judging, seen = _timed(lambda: kernels and estimator_of(kernels).can_give(photo, kernels))
    mining, (windows, patches) = _timed(lambda: _count_patches(photo, recipe.stages.noise))
    work = Work(
        pixels=height * width,
        decoding=decoding,
        kernels=int(bool(seen)),
        judging=judging,
        windows=windows,
        patches=patches,
        mining=mining,
    )
    rows, cols = hr_size(height, width, pairs.cleanup, pairs.scale)
    if min(rows, cols) < pairs.tile:
        return work
    cleaning, hr = _timed(lambda: make_hr(photo, pairs.cleanup, pairs.scale))
    degrading, _ = _timed(lambda: _make_lr(hr, pairs))
    return replace(
        work,
        hr_photo_pixels=height * width,
        hr_pixels=rows * cols,
        cleaning=cleaning,
        degrading=degrading,
    )


def _count_patches(photo: Image, settings: NoiseSettings | None) -> tuple[int, int]:
    if settings is None:
        return 0, 0
    windows = mine(photo, settings)
    return len(windows), int(windows.accepted.sum())


def _make_lr(hr: Image, settings: PairSettings) -> Image:
    if settings.kernels == "lens":
        return to_uint8(degrade_by_lens(hr, _any_lens(settings.scale), settings.scale))
    kernel = bicubic_kernel(settings.scale) if settings.kernels == "estimated" else None
    return to_uint8(degrade(hr, kernel, settings.scale))


def _any_lens(scale: int) -> Lens:
    """Return a lens that takes as long as one that was measured."""
    size, sigmas = canvas_size(scale), (0.5, 0.7, 0.9, 1.1)
    kernels = [gaussian_kernel((scale * sigma, scale * sigma), 0.0, size) for sigma in sigmas]
    weights = np.repeat(np.array(kernels)[:, None], 3, axis=1)
    return Lens(np.linspace(0, 1, len(sigmas)), weights, np.array([0.5, 0.5]))


def _sum(works: Sequence[Work]) -> Work:
    columns = zip(*(vars(work).values() for work in works), strict=True)
    return Work(*map(sum, columns))


def kernelgan_seconds(
    photos: Sequence[Image], settings: KernelSettings, device: str
) -> float | None:
    """Return the seconds that KernelGAN trains per photo at most, from a few iterations of a batch.

    A kernel that converges early takes about half of them.
    """
    import torch

    from degrade.kernels.kernelgan import estimate_kernels
    from sr_train.compute.device import choose_device

    chosen = choose_device(device)
    stamps: list[tuple[float, int]] = []

    def count_iterations(iterations: int) -> None:
        if chosen.type == "cuda":
            torch.cuda.synchronize()
        stamps.append((perf_counter(), iterations))

    short = settings.model_copy(update={"iterations": GAN_ITERATIONS, "tolerance": 0.0})
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        estimate_kernels(
            photos, [str(i) for i in range(len(photos))], short, str(chosen), count_iterations
        )
    finally:
        torch.set_num_threads(before)
    (began, _), (ended, iterations) = stamps[-2:]
    return (ended - began) / iterations * settings.iterations * settings.restarts


def training_seconds(
    method: str, settings: TrainingSettings, scale: int, tile: int
) -> dict[str, float]:
    """Return the seconds of one step of each stage that has steps, on random crops.

    On a CPU one crop is timed and multiplied by the batch. VGG19 and DISTS have random weights
    here, which take as long as trained ones; references are whole tiles. Reading from the store is
    left out.
    """
    import torch

    from sr_train.compute.device import choose_device, cpu_threads, to_device
    from sr_train.data.batch import Batch
    from sr_train.losses.perceptual import FrozenNetworks
    from sr_train.methods import METHODS
    from sr_train.networks.dists import Dists
    from sr_train.networks.vgg19 import random_vgg19
    from sr_train.settings.common import ReferenceTraining

    device = choose_device(settings.device)
    crops = 1 if device.type == "cpu" else settings.batch
    known = METHODS[method]
    generator = to_device(known.generator(settings, scale), device)
    layers = settings.vgg_layers
    vgg = random_vgg19(layers, 0) if layers else None
    frozen = FrozenNetworks(vgg, Dists() if settings.uses_dists else None).ready(settings, device)
    hr = torch.rand(crops, 3, settings.crop, settings.crop)
    lr = torch.rand(crops, 3, settings.crop // scale, settings.crop // scale)
    references = None
    if isinstance(settings, ReferenceTraining):
        references = torch.rand(crops, settings.references, 3, tile, tile)
    batch = Batch(lr, hr, references).on(device)
    timed = settings.model_copy(update={"batch": crops})

    def one(stage: str) -> float:
        step = known.stages[stage](timed, generator, frozen).step

        def work() -> float:
            return sum(float(loss) for loss in step(batch).values())

        first, _ = _timed(work)
        again = [_timed(work)[0] for _ in range(3)] if first < 2 else [first]
        return float(np.median(again)) * settings.batch / crops

    with cpu_threads(settings.threads):
        return {name: one(name) for name, stage in settings.stages.items() if stage.steps}


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    began = perf_counter()
    result = work()
    return perf_counter() - began, result


@contextmanager
def _one_core() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
