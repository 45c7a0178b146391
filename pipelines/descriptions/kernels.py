"""Description of `estimate-kernels`."""

from collections.abc import Iterator, Mapping
from functools import reduce
from math import ceil
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from degrade.kernels.estimator_settings import settings_model, with_estimator
from degrade.kernels.estimator_table import ESTIMATORS, estimator_of
from degrade.kernels.shape import canvas_size
from degrade.store.schema import Domain
from pipelines.stage import Job, Stage, Work

if TYPE_CHECKING:
    from degrade.store.reader import Store
    from pipelines.photos.cache import PhotoMeasure
    from pipelines.recipes.stage_plans import Basis, StagePlan
    from pipelines.report.section import Draft

Settings = Any
"""The settings of one of the estimators."""
EVERY: Any = reduce(or_, dict.fromkeys(one.settings for one in ESTIMATORS))
"""The union of their models, each once."""

NO_KERNELS = "The store has no kernels; run `degrade estimate-kernels`."


def _work(job: Job, settings: Settings) -> Work:
    from pipelines.stages.estimate_kernels import estimate_kernels

    return job.report(estimate_kernels, settings, device=job.options.device, cache=job.cache)


def _measures(settings: Settings) -> "Mapping[Domain, PhotoMeasure]":
    """One that trains reads its photos itself: decoding is nothing beside training on them."""
    measure = estimator_of(settings).measure(settings)
    return {} if measure is None else {"source": measure}


def _measuring(basis: "Basis", settings: Settings) -> float | None:
    if estimator_of(settings).measure(settings) is None:
        return None
    return basis.sample.work.judging / basis.sample.usable * basis.source


def _identity(settings: Settings) -> dict[str, Any]:
    asked: dict[str, Any] = settings.model_dump(mode="json", exclude=settings.left_to_device)
    return asked


def _plan(basis: "Basis", settings: Settings) -> "StagePlan":
    from pipelines.recipes.stage_plans import TORCH_BYTES, WORKER_BYTES, StagePlan

    estimator, work, state = estimator_of(settings), basis.sample.work, basis.states[KERNELS.name]
    share = work.kernels / basis.sample.usable
    gives, note = round(basis.source * share) * estimator.estimates_per_photo(settings), ""
    whole: float | None = basis.decode_pass(KERNELS)
    memory = WORKER_BYTES if estimator.train is None else TORCH_BYTES
    memory += estimator.bytes_per_pixel(settings) * basis.largest
    if estimator.train is not None:
        training, whole = basis.sample.training, None
        if training is not None:
            each = work.judging / basis.sample.usable + training * share
            whole = basis.decoding("source") + each * basis.source
        note = "at most: some may be refused"
    if not gives:
        note = "no photo of the sample can give one"
    seconds = basis.left(KERNELS, whole, ceil(basis.source / estimator.photos_per_task(settings)))
    if state == "done" and basis.store:
        gives, note = int(basis.store.kernels(settings.scale).accepted.sum()), ""
    disk = (4 * canvas_size(settings.scale) ** 2 + 128) * basis.source
    return StagePlan(KERNELS.name, state, gives, "kernels", seconds, memory, disk, note)


def _sections(store: "Store") -> "Iterator[Draft]":
    from pipelines.report.kernels import kernels_body
    from pipelines.report.section import of_scales

    return of_scales(store, "kernels", kernels_body, NO_KERNELS)


KERNELS = Stage(
    name="estimate-kernels",
    key="kernels",
    settings=Annotated[EVERY, Field(discriminator="estimator")],
    work=_work,
    plan=_plan,
    group="kernels",
    by_scale=True,
    model=settings_model,
    complete=with_estimator,
    reads=("source",),
    measures=_measures,
    measuring=_measuring,
    identity=_identity,
    sections=_sections,
)
