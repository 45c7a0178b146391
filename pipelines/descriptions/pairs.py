"""Description of `build-pairs`."""

from collections.abc import Iterator, Mapping
from math import ceil
from typing import TYPE_CHECKING, Any

from degrade.pairs import PairSettings
from degrade.store.schema import Domain
from pipelines.stage import Job, Stage, Work, rebuilding

if TYPE_CHECKING:
    from degrade.store.reader import Store
    from pipelines.photos.cache import PhotoMeasure
    from pipelines.recipes.stage_plans import Basis, StagePlan
    from pipelines.report.section import Draft

NO_PAIRS = "The store has no pairs; run `degrade build-pairs`."


def _fits(stages: Any) -> None:
    if stages.pairs.degradation == "camera" and stages.camera is None:
        raise ValueError("pairs.degradation camera needs cameras: add the stage `camera: {}`")
    if stages.pairs.kernels == "lens" and stages.lens is None:
        raise ValueError("pairs.kernels lens needs a lens: add the stage `lens: {}`")


def _work(job: Job, settings: PairSettings) -> Work:
    from pipelines.stages.build_pairs import build_pairs

    return job.report(build_pairs, settings, cache=job.cache)


def _measures(settings: PairSettings) -> "Mapping[Domain, PhotoMeasure]":
    from pipelines.pair_plan import hr_measure

    domains: tuple[Domain, ...] = ("source",)
    if settings.use_target:
        domains = ("target",) if settings.degradation == "camera" else ("source", "target")
    return {domain: hr_measure(settings, domain) for domain in domains}


def _measuring(basis: "Basis", settings: PairSettings) -> float:
    work = basis.sample.work
    return work.cleaning / max(1, work.hr_photo_pixels) * basis.source_pixels


def _plan(basis: "Basis", settings: PairSettings) -> "StagePlan":
    from pipelines.pair_plan import PHOTOS_PER_TASK
    from pipelines.recipes.stage_plans import CLEAN, PLAIN, WORKER_BYTES, WRITING, StagePlan

    work, state = basis.sample.work, basis.states[PAIRS.name]
    gives, note = round(basis.counts.pairs * basis.factor), ""
    if not gives:
        note = f"no photo is as large as a tile of {settings.tile} after clean-up"
    if state == "done":
        gives = basis.found[PAIRS.group_at(settings.scale)]["arrays"]["hr"][0]
    disk = gives * 3 * (settings.tile**2 + (settings.tile // settings.scale) ** 2)
    hr_pixels = basis.source_pixels / settings.cleanup**2 + basis.target_pixels
    degrading = work.degrading / max(1, work.hr_pixels) * hr_pixels
    by_photo = settings.kernels == "bicubic" and not settings.bake_noise
    if by_photo and settings.degradation == "linear":
        degrading *= basis.unknown(PAIRS.name)  # otherwise new photos change the LR of all
    decode_pass, unknown = basis.decode_pass(PAIRS), basis.unknown(PAIRS.name)
    if not decode_pass:  # for what finds no room to wait until now
        beyond = max(0.0, 1 - basis.options.scratch / max(1.0, 3 * hr_pixels * unknown))
        decode_pass = beyond * (basis.decoding() * unknown + basis.measures().get(PAIRS.name, 0.0))
    whole = decode_pass + degrading + disk * WRITING if work.hr_pixels else None
    tasks = ceil(basis.counts.pair_photos * basis.factor / PHOTOS_PER_TASK)
    seconds = basis.left(PAIRS, whole, tasks)
    plain = settings.cleanup == 1 or basis.target_pixels > 0
    memory = WORKER_BYTES + (PLAIN if plain else CLEAN) * basis.largest
    return StagePlan(PAIRS.name, state, gives, "pairs", seconds, memory, disk, note)


def _sections(store: "Store") -> "Iterator[Draft]":
    from pipelines.report.pairs import pairs_body
    from pipelines.report.section import of_scales

    return of_scales(store, "pairs", pairs_body, NO_PAIRS)


PAIRS = Stage(
    name="build-pairs",
    key="pairs",
    settings=PairSettings,
    work=_work,
    plan=_plan,
    group="pairs",
    by_scale=True,
    required=True,
    fits=_fits,
    reads=("source", "target"),
    measures=_measures,
    measuring=_measuring,
    sections=_sections,
    tiles=("hr", "lr"),
    rebuild={
        "build-pairs": rebuilding("pipelines.stages.build_pairs", "rebuild_pairs"),
        "import-pairs": rebuilding("pipelines.stages.import_pairs", "restore_pairs"),
    },
)
