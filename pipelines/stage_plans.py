"""What each stage of a recipe will give and take: counts, time, memory, disk, and what is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, sqrt
from statistics import stdev
from typing import Any, Literal

from degrade.camera.fit import CAMERAS, SIMULATED
from degrade.kernels.settings import KernelSettings
from degrade.kernels.shape import canvas_size
from degrade.noise.mining import NoiseSettings
from degrade.references import ReferenceSettings
from degrade.store.contents import Sources
from degrade.store.parts import present_parts
from degrade.store.reader import Store
from degrade.store.schema import (
    CAMERA,
    NOISE,
    SOURCES,
    Domain,
    kernels_group,
    pairs_group,
    references_group,
)
from pipelines.forecast import Forecast
from pipelines.pair_plan import PHOTOS_PER_TASK as PAIR_PHOTOS
from pipelines.parted import per_task
from pipelines.recipe import Recipe, TrainStage
from pipelines.reference_search import FEATURE_PARTS, TILES_PER_TASK
from pipelines.runner import RunOptions
from pipelines.sample import Sample, training_seconds
from pipelines.stages.estimate_camera import CAMERAS_PER_TASK
from pipelines.stages.estimate_kernels import SPECTRAL_PHOTOS_PER_TASK
from pipelines.stages.mine_noise import PHOTOS_PER_TASK as NOISE_PHOTOS
from pipelines.stages.scan import FILES_PER_TASK

WORKER_BYTES = 180_000_000
TORCH_BYTES = 370_000_000
"""What a process holds before its first photo, without and with torch."""

READ, SPECTRUM, GAN, CLEAN, PLAIN = 19, 21, 88, 19, 28
"""Peak bytes per pixel of an 8-bit photo, decoding included: check and mining, spectra, KernelGAN's
crop maps, pairs with and without clean-up. Measured as growth of the resident set on 24 megapixels;
16-bit photos take up to four times as much."""

STAGE_SECONDS, WRITING = 0.2, 4e-9
"""Seconds that a stage takes beside its tasks, and to write and flush a byte of tiles (SSD)."""

LOOKING, SIMULATING = 0.015, 0.3
"""Seconds of estimate-camera: to sum up a decoded photo, and to simulate a camera."""

DESCRIBING, VERIFYING, COMPARING = 25e-3 / 256**2, 1e-3, 2e-6
"""Seconds of build-references: a pixel's local features, a candidate, a pair of tiles."""
FEATURE_BYTES = 5_000_000
"""Of the local features of one task's tiles, at 256 features a tile."""

State = Literal["to do", "unfinished", "done", "changed"]


@dataclass(frozen=True)
class StagePlan:
    """One stage: what it gives in all, and what is left to do."""

    stage: str
    state: State
    """"changed": made with other settings or photos, and refused without --overwrite."""
    gives: int
    unit: str
    seconds: float | None
    """What is left, on the threads of the plan; None where it could not be timed."""
    memory: int | None
    """Bytes of each worker at its peak."""
    disk: int
    """Bytes that the finished stage takes."""
    note: str


@dataclass(frozen=True)
class Basis:
    """What every stage's plan is reckoned from."""

    recipe: Recipe
    options: RunOptions
    threads: int
    store: Store | None
    found: Mapping[str, Mapping[str, Any]]
    sample: Sample
    counts: Forecast
    factor: float
    """Expected usable files of the folders per usable header."""
    source: int
    """Usable source photos expected."""
    source_pixels: float
    target_pixels: float
    largest: int
    states: Mapping[str, State] = field(default_factory=dict)
    """Of the stages that read photos."""


def plan_stages(basis: Basis, names: Mapping[Domain, Sequence[str]]) -> tuple[StagePlan, ...]:
    """Return the plans of a recipe's stages, in order; ``names`` are the files of each domain."""
    stages = basis.recipe.stages
    basis = replace(basis, states=_states(basis, names))
    planned = [_check(basis, names)]
    if stages.kernels:
        planned.append(_kernels(basis))
    if stages.noise:
        planned.append(_noise(basis, stages.noise))
    if stages.camera:
        planned.append(_camera(basis))
    planned.append(_pairs(basis))
    if stages.references:
        planned.append(_references(basis, stages.references, planned[-1].gives))
    if stages.train:
        planned.append(_train(basis, stages.train))
    return tuple(planned)


def _check(basis: Basis, names: Mapping[Domain, Sequence[str]]) -> StagePlan:
    files, state = sum(map(len, names.values())), basis.states["check"]
    note = "files are hashed again" if state == "done" else ""
    if state == "changed":
        note = "photos or policy changed: later stages need --overwrite"
    visiting = _visiting(basis, "check")
    size = per_task(FILES_PER_TASK, files)
    seconds = _left(basis, state, "scan-source", visiting, ceil(files / size))
    wants = _wants(basis)
    peaks = (READ, SPECTRUM * ("estimate-kernels" in wants), PLAIN * ("build-pairs" in wants))
    memory = WORKER_BYTES + max(peaks) * basis.largest
    if state == "to do" and wants:
        note = "its one decoding serves the later stages"
    gives = round(basis.counts.photos * basis.factor)
    return StagePlan("check", state, gives, "photos", seconds, memory, 0, note)


def _is_known(sources: Sources, domain: Domain, listed: Sequence[str]) -> bool:
    """Return whether the store's scan saw just the files that are there now, by name."""
    rows = sources.domain == domain
    read = sources.path[rows & (sources.sha256 != "")]
    return set(read) <= set(listed) <= set(sources.path[rows])


def _kernels(basis: Basis) -> StagePlan:
    settings, work = basis.recipe.stages.kernels, basis.sample.work
    assert settings is not None
    group, state = kernels_group(settings.scale), basis.states["estimate-kernels"]
    share = work.kernels / basis.sample.usable
    gives, note = round(basis.source * share), ""
    whole: float | None = _visiting(basis, "estimate-kernels")
    memory, batch = WORKER_BYTES + SPECTRUM * basis.largest, SPECTRAL_PHOTOS_PER_TASK
    if isinstance(settings, KernelSettings):
        batch = settings.photos_per_batch
        memory = TORCH_BYTES + (GAN + 3 * (batch - 1)) * basis.largest
        training, whole = basis.sample.training, None
        if training is not None:
            each = work.judging / basis.sample.usable + training * share
            whole = _decoding(basis, "source") + each * basis.source
        gives, note = gives * settings.restarts, "at most: the gate may refuse some"
    if not gives:
        note = "no photo of the sample can give one"
    seconds = _left(basis, state, group, whole, ceil(basis.source / batch))
    if state == "done" and basis.store:
        gives, note = int(basis.store.kernels(settings.scale).accepted.sum()), ""
    disk = (4 * canvas_size(settings.scale) ** 2 + 128) * basis.source
    return StagePlan("estimate-kernels", state, gives, "kernels", seconds, memory, disk, note)


def _noise(basis: Basis, settings: NoiseSettings) -> StagePlan:
    work, state = basis.sample.work, basis.states["mine-noise"]
    share = work.patches / max(1, work.windows)
    gives, note = round(basis.counts.noise_windows * basis.factor * share), ""
    if not gives:
        note = f"none of the sample's {work.windows} windows passes the thresholds"
    if state == "done":
        gives, note = basis.found[NOISE]["arrays"]["patches"][0], ""
    disk = gives * 3 * settings.patch**2
    whole = _visiting(basis, "mine-noise") + 3 * disk * WRITING  # result, part and chunk
    size = per_task(NOISE_PHOTOS, basis.source)
    seconds = _left(basis, state, NOISE, whole, ceil(basis.source / size))
    # A task's patches are held as cut, joined, and as the bytes of its part.
    parts = 3 * disk * size // max(size, basis.source)
    memory = WORKER_BYTES + READ * basis.largest + parts
    if gives and state != "done":
        note = "twice that on disk while the bank is put together"
        margin = _margin(basis.sample.patches, basis.source)
        note = f"give or take {margin}, for photos differ; {note}" if margin else note
    return StagePlan("mine-noise", state, gives, "patches", seconds, memory, disk, note)


def _camera(basis: Basis) -> StagePlan:
    """Reckon with simulations, whose time hardly depends on the photos, and with one more look."""
    state = basis.states["estimate-camera"]
    look = LOOKING * basis.source + SIMULATING * SIMULATED
    whole = _visiting(basis, "estimate-camera") + look
    tasks = ceil(SIMULATED / CAMERAS_PER_TASK)
    seconds = _left(basis, state, CAMERA, whole, tasks)
    memory = WORKER_BYTES + READ * basis.largest
    note = "" if state == "done" else "simulations are reckoned, not timed"
    return StagePlan("estimate-camera", state, CAMERAS, "cameras", seconds, memory, 100_000, note)


def _margin(counts: Sequence[int], total: int) -> int:
    """Return two standard errors of a sum over ``total`` photos, from a sample of them."""
    if not 2 <= len(counts) < total:
        return 0
    share = len(counts) / total
    return round(2 * total * stdev(counts) * sqrt((1 - share) / len(counts)))


def _pairs(basis: Basis) -> StagePlan:
    settings, work = basis.recipe.stages.pairs, basis.sample.work
    group, state = pairs_group(settings.scale), basis.states["build-pairs"]
    gives, note = round(basis.counts.pairs * basis.factor), ""
    if not gives:
        note = f"no photo is as large as a tile of {settings.tile} after clean-up"
    if state == "done":
        gives = basis.found[group]["arrays"]["hr"][0]
    disk = gives * 3 * (settings.tile**2 + (settings.tile // settings.scale) ** 2)
    hr_pixels = basis.source_pixels / settings.cleanup**2 + basis.target_pixels
    degrading = work.degrading / max(1, work.hr_pixels) * hr_pixels
    visiting = _visiting(basis, "build-pairs")
    if not visiting:  # for what finds no room to wait until now
        beyond = max(0.0, 1 - basis.options.scratch / max(1.0, 3 * hr_pixels))
        visiting = beyond * (_decoding(basis) + _wants(basis).get("build-pairs", 0.0))
    whole = visiting + degrading + disk * WRITING if work.hr_pixels else None
    tasks = ceil(basis.counts.pair_photos * basis.factor / PAIR_PHOTOS)
    seconds = _left(basis, state, group, whole, tasks)
    plain = settings.cleanup == 1 or basis.target_pixels > 0
    memory = WORKER_BYTES + (PLAIN if plain else CLEAN) * basis.largest
    return StagePlan("build-pairs", state, gives, "pairs", seconds, memory, disk, note)


def _references(basis: Basis, settings: ReferenceSettings, pairs: int) -> StagePlan:
    """Reckon from the number of tiles: none is described before there are pairs."""
    group = references_group(settings.scale)
    state = _state(basis, group, settings.model_dump(mode="json"), f"{group}/features")
    if state == "done" and basis.states["build-pairs"] != "done":
        state = "changed"
    pixels = basis.recipe.stages.pairs.tile**2
    each = DESCRIBING * pixels + VERIFYING * settings.candidates + COMPARING * pairs
    tasks = ceil(pairs / TILES_PER_TASK)
    seconds = _left(basis, state, f"{group}/search", each * pairs, tasks)
    memory = WORKER_BYTES + min(tasks, FEATURE_PARTS) * FEATURE_BYTES * settings.features // 256
    gives = pairs * settings.count
    note = "" if state == "done" else "reckoned from the number of tiles, not timed"
    disk = gives * 3 * pixels
    return StagePlan("build-references", state, gives, "tiles", seconds, memory, disk, note)


def _train(basis: Basis, stage: TrainStage) -> StagePlan:
    """Time a step of each stage, in this process; its memory is not foretold."""
    settings = stage.settings
    steps = settings.steps
    done = 0 if basis.options.overwrite else _steps_done(basis)
    state: State = "done" if done == steps else "unfinished" if done else "to do"
    if state == "done":
        return StagePlan("train", state, steps, "steps", 0.0, None, 0, "")
    seconds, before = 0.0, 0
    for name, one in training_seconds(
        stage.method, settings, basis.recipe.scale, basis.recipe.stages.pairs.tile
    ).items():
        after = before + settings.stages[name].steps
        seconds += one * max(0, after - max(before, done))
        before = after
    note = "in one process; memory is not foretold" + (f"; {done} steps are done" if done else "")
    return StagePlan("train", state, steps, "steps", seconds, None, 0, note)


def _steps_done(basis: Basis) -> int:
    from sr_train.parts.checkpoint import FILE_NAME, load_checkpoint
    from sr_train.parts.folder import steps_done

    path = basis.options.runs / basis.recipe.name / FILE_NAME
    training = basis.recipe.stages.train
    if training is None or not path.is_file():
        return 0
    return steps_done(load_checkpoint(path), training.settings)


def _states(basis: Basis, names: Mapping[Domain, Sequence[str]]) -> dict[str, State]:
    """Return how far the recipe's stages are that read photos."""
    stages = basis.recipe.stages
    policy = basis.recipe.images.model_dump(mode="json")
    states = {"check": _state(basis, SOURCES, policy, "scan-source")}
    if states["check"] == "done" and basis.store:
        known = basis.store.sources()
        if not all(_is_known(known, domain, listed) for domain, listed in names.items()):
            states["check"] = "changed"
    if stages.kernels:
        group = kernels_group(basis.recipe.scale)
        asked = stages.kernels.model_dump(mode="json", exclude=stages.kernels.left_to_device)
        states["estimate-kernels"] = _state(basis, group, asked, group)
    if stages.noise:
        states["mine-noise"] = _state(basis, NOISE, stages.noise.model_dump(mode="json"), NOISE)
    if stages.camera:
        asked = stages.camera.model_dump(mode="json")
        states["estimate-camera"] = _state(basis, CAMERA, asked, CAMERA)
    group = pairs_group(basis.recipe.scale)
    states["build-pairs"] = _state(basis, group, stages.pairs.model_dump(mode="json"), group)
    return states


def _wants(basis: Basis) -> dict[str, float]:
    """Return the seconds of what each stage still wants of every photo's pixels."""
    work, photos = basis.sample.work, basis.source_pixels
    seconds = {
        "estimate-kernels": work.judging / basis.sample.usable * basis.source,
        "mine-noise": work.mining / work.pixels * photos,
        "estimate-camera": 0.0,
        "build-pairs": work.cleaning / max(1, work.hr_photo_pixels) * photos,
    }
    if isinstance(basis.recipe.stages.kernels, KernelSettings):
        del seconds["estimate-kernels"]  # reads its photos itself
    if not basis.recipe.stages.camera:
        del seconds["estimate-camera"]
    to_do = {name for name, state in basis.states.items() if state != "done"}
    return {name: value for name, value in seconds.items() if name in to_do}


def _visiting(basis: Basis, stage: str) -> float:
    """Return the seconds to decode photos for a stage and all that want them after it.

    0 for a stage that finds what an earlier one of the same run left for it.
    """
    wants = _wants(basis)
    first = "check" if basis.states["check"] != "done" else next(iter(wants), stage)
    if first != stage:
        return 0.0
    domain: Domain | None = None if stage in ("check", "build-pairs") else "source"
    return _decoding(basis, domain) + sum(wants.values())


def _state(basis: Basis, group: str, settings: Mapping[str, Any], parts: str) -> State:
    """Return how far a stage is; ``parts`` names the group of its finished pieces."""
    if basis.options.overwrite:
        return "to do"
    stage = basis.found.get(group)
    if stage is None:
        return "unfinished" if present_parts(basis.options.store, parts) else "to do"
    made = stage.get("parameters", {})
    if any(made.get(name) != value for name, value in settings.items()):
        return "changed"
    return "done" if stage.get("complete") else "unfinished"


def _left(
    basis: Basis, state: State, parts: str, seconds: float | None, tasks: int
) -> float | None:
    """Return the time of the tasks that are not done yet, over all threads in whole tasks."""
    if state == "done":
        return 0.0
    if seconds is None:
        return None
    tasks = max(1, tasks)
    done = len(present_parts(basis.options.store, parts)) if state == "unfinished" else 0
    return STAGE_SECONDS + seconds / tasks * ceil(max(0, tasks - done) / basis.threads)


def _decoding(basis: Basis, domain: Domain | None = None) -> float:
    """Return the seconds to read the photos of one domain, or of all."""
    work = basis.sample.work
    pixels = basis.source_pixels + (basis.target_pixels if domain is None else 0)
    return work.decoding / work.pixels * pixels
