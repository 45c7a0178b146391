"""Description of `estimate-camera`."""

from collections.abc import Iterator, Mapping
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any

from degrade.camera.search_settings import CameraSettings
from degrade.store import schema
from degrade.store.schema import Domain
from pipelines.stage import Job, Stage, Work

if TYPE_CHECKING:
    from degrade.store.reader import Store
    from pipelines.photos.cache import PhotoMeasure
    from pipelines.recipes.stage_plans import Basis, StagePlan
    from pipelines.report.section import Draft

LOOKING, SIMULATING = 0.03, 0.35
"""Seconds to sum up a decoded photo, and to simulate a camera."""


def _work(job: Job, settings: CameraSettings) -> Work:
    from pipelines.stages.estimate_camera import estimate_camera

    return job.report(estimate_camera, settings, cache=job.cache)


def _measures(settings: CameraSettings) -> "Mapping[Domain, PhotoMeasure]":
    from pipelines.camera_evidence import CameraEvidence

    return {"source": CameraEvidence(settings.seed)}


def _measuring(basis: "Basis", settings: CameraSettings) -> float:
    return 0.0


def _plan(basis: "Basis", settings: CameraSettings) -> "StagePlan":
    """Reckon with simulations, whose time hardly depends on the photos, and with one more look."""
    from degrade.camera.fit import CAMERAS, SIMULATED, SIMULATED_ON_MANY
    from degrade.camera.views import MANY, SCENES
    from pipelines.recipes.stage_plans import READ, WORKER_BYTES, StagePlan
    from pipelines.stages.estimate_camera import CAMERAS_PER_TASK

    state = basis.states[CAMERA.name]
    few = SIMULATED + SIMULATED_ON_MANY * MANY / SCENES
    look = LOOKING * basis.source * basis.unknown(CAMERA.name)
    whole = basis.decode_pass(CAMERA) + look + SIMULATING * few
    parts = ceil(SIMULATED / CAMERAS_PER_TASK) + SIMULATED_ON_MANY
    seconds = basis.left(CAMERA, whole, parts)
    memory = WORKER_BYTES + READ * basis.largest
    note = "" if state == "done" else "simulations are reckoned, not timed"
    return StagePlan(CAMERA.name, state, CAMERAS, "cameras", seconds, memory, 100_000, note)


def _by_recipe(recorded: Mapping[str, Any]) -> bool:
    """A recipe's cameras have its scale; which one these have may not be that of the pairs."""
    return False


def _sections(store: "Store") -> "Iterator[Draft]":
    """Yield the section of a store that has cameras: most have kernels and noise instead."""
    from pipelines.report.camera import camera_body
    from pipelines.report.section import Draft

    if schema.CAMERA in store.stages():
        yield Draft("camera", "Camera", "camera.html", partial(camera_body, store))


CAMERA = Stage(
    name="estimate-camera",
    key="camera",
    settings=CameraSettings,
    work=_work,
    plan=_plan,
    group=schema.CAMERA,
    reads=("source",),
    by_recipe=_by_recipe,
    measures=_measures,
    measuring=_measuring,
    sections=_sections,
)
