"""Description of `estimate-lens`."""

from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING, Any

from degrade.kernels.lens_settings import LensSettings
from degrade.store.schema import Domain
from pipelines.stage import Job, Stage, Work

if TYPE_CHECKING:
    from pipelines.photos.cache import PhotoMeasure
    from pipelines.recipes.stage_plans import Basis, StagePlan

REGISTERING = 0.4
"""Seconds in which colours are registered, which hardly depend on the photo's size."""


def _fits(stages: Any) -> None:
    if stages.lens is not None and stages.kernels is None:
        raise ValueError("lens is measured on photos with kernels: add the stage `kernels: {}`")


def _work(job: Job, settings: LensSettings) -> Work:
    from pipelines.stages.estimate_lens import estimate_lens

    return job.report(estimate_lens, settings, cache=job.cache)


def _measures(settings: LensSettings) -> "Mapping[Domain, PhotoMeasure]":
    from pipelines.stages.estimate_lens import LensMeasure

    return {"source": LensMeasure(settings.rings)}


def _measuring(basis: "Basis", settings: LensSettings) -> float:
    """Reckon with the spectra of three colours, each as dear as the photo's own."""
    spectra = 3 * basis.sample.work.judging / basis.sample.usable
    return (spectra + REGISTERING) * basis.source


def _plan(basis: "Basis", settings: LensSettings) -> "StagePlan":
    from degrade.kernels.estimators.spectral import BYTES_PER_PIXEL
    from degrade.kernels.shape import canvas_size
    from pipelines.recipes.stage_plans import WORKER_BYTES, StagePlan
    from pipelines.stages.estimate_lens import PHOTOS_PER_TASK

    state, gives = basis.states[LENS.name], 3 * settings.rings
    parts = ceil(basis.source / PHOTOS_PER_TASK)
    seconds = basis.left(LENS, basis.decode_pass(LENS), parts)
    memory = WORKER_BYTES + BYTES_PER_PIXEL * basis.largest
    disk = 4 * gives * canvas_size(settings.scale) ** 2
    return StagePlan(LENS.name, state, gives, "kernels", seconds, memory, disk, "")


LENS = Stage(
    name="estimate-lens",
    key="lens",
    settings=LensSettings,
    work=_work,
    plan=_plan,
    group="lens",
    by_scale=True,
    fits=_fits,
    reads=("source",),
    measures=_measures,
    measuring=_measuring,
)
