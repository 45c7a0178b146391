"""Description of `mine-noise`."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import ceil, sqrt
from statistics import stdev
from typing import TYPE_CHECKING

from degrade.noise.mining import NoiseSettings
from degrade.store import schema
from degrade.store.schema import Domain
from pipelines.stage import Job, Stage, Work, rebuilding

if TYPE_CHECKING:
    from degrade.store.reader import Store
    from pipelines.photos.cache import PhotoMeasure
    from pipelines.recipes.stage_plans import Basis, StagePlan
    from pipelines.report.section import Draft


def _work(job: Job, settings: NoiseSettings) -> Work:
    from pipelines.stages.mine_noise import mine_noise

    return job.report(mine_noise, settings, cache=job.cache)


def _measures(settings: NoiseSettings) -> "Mapping[Domain, PhotoMeasure]":
    from pipelines.stages.mine_noise import NoiseMeasure

    return {"source": NoiseMeasure.by(settings)}


def _measuring(basis: "Basis", settings: NoiseSettings) -> float:
    work = basis.sample.work
    return work.mining / work.pixels * basis.source_pixels


def _plan(basis: "Basis", settings: NoiseSettings) -> "StagePlan":
    from pipelines.execution.stage_writer import per_task
    from pipelines.recipes.stage_plans import READ, WORKER_BYTES, WRITING, StagePlan
    from pipelines.stages.mine_noise import PHOTOS_PER_TASK

    work, state = basis.sample.work, basis.states[NOISE.name]
    share = work.patches / max(1, work.windows)
    gives, note = round(basis.counts.noise_windows * basis.factor * share), ""
    if not gives:
        note = f"none of the sample's {work.windows} windows passes the thresholds"
    if state == "done":
        gives, note = basis.found[NOISE.group]["arrays"]["patches"][0], ""
    disk = gives * 3 * settings.patch**2
    whole = basis.decode_pass(NOISE) + 2 * disk * WRITING  # a photo's patches, and chunks of them
    size = per_task(PHOTOS_PER_TASK, basis.source)
    seconds = basis.left(NOISE, whole, ceil(basis.source / size))
    # The patches of one photo at a time, as cut and as they are written.
    memory = WORKER_BYTES + READ * basis.largest + 2 * disk // max(1, basis.source)
    if gives and state != "done":
        note = "twice that on disk while the bank is put together"
        margin = _margin(basis.sample.patches, basis.source)
        note = f"give or take {margin}, for photos differ; {note}" if margin else note
    return StagePlan(NOISE.name, state, gives, "patches", seconds, memory, disk, note)


def _margin(counts: Sequence[int], total: int) -> int:
    """Return two standard errors of a sum over ``total`` photos, from a sample of them."""
    if not 2 <= len(counts) < total:
        return 0
    share = len(counts) / total
    return round(2 * total * stdev(counts) * sqrt((1 - share) / len(counts)))


def _sections(store: "Store") -> "Iterator[Draft]":
    from pipelines.report.noise import noise_body
    from pipelines.report.section import Draft

    yield Draft("noise", "Noise", "noise.html", partial(noise_body, store))


NOISE = Stage(
    name="mine-noise",
    key="noise",
    settings=NoiseSettings,
    work=_work,
    plan=_plan,
    group=schema.NOISE,
    reads=("source",),
    measures=_measures,
    measuring=_measuring,
    sections=_sections,
    tiles=("patches",),
    rebuild={
        "mine-noise": rebuilding("pipelines.stages.mine_noise", "rebuild_patches"),
        "import-noise": rebuilding("pipelines.stages.import_noise", "restore_patches"),
    },
)
