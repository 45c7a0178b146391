"""A toy stage, as somebody might add one: how sharp each photo is, in one file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from distributed import Client
from pydantic import BaseModel, ConfigDict, Field

from degrade.arrays import Image
from degrade.images.colour import luma
from degrade.store.reader import Store, open_store
from degrade.store.schema import Column
from degrade.store.stage_inputs import photos_digest
from degrade.store.stages import StageIdentity
from degrade.store.task_results import Arrays
from pipelines.execution.stage_writer import TaskOutput, begin
from pipelines.photos.cache import PhotoCache, PhotoMeasure
from pipelines.photos.reading import Photo, usable_photos
from pipelines.recipes.stage_plans import Basis, StagePlan
from pipelines.report.section import Draft, FactsBody
from pipelines.stage import Job, Stage, Work

GROUP = "sharpness"
COLUMNS = {
    "source": Column("int32", "row of `sources`"),
    "sharpness": Column("float32", "variance of the Laplacian"),
}


class SharpnessSettings(BaseModel):
    """What counts as a difference."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kernel: int = Field(1, ge=1, le=7, description="side of the Laplacian, pixels")
    seed: int = Field(0, ge=0, description="takes the recipe's")


@dataclass(frozen=True)
class Sharp:
    """The sharpness of one photo."""

    kernel: int

    def scratch_bytes(self, height: int, width: int) -> int | None:
        return 0

    def __call__(self, pixels: Image) -> Arrays:
        grey = luma(pixels).astype(np.float64)
        edges = cv2.Laplacian(grey, cv2.CV_64F, ksize=self.kernel)
        return {"sharpness": np.array([edges.var()])}


def measure_sharpness(
    store: str, client: Client, settings: SharpnessSettings, cache: PhotoCache, overwrite: bool
) -> dict[str, Any]:
    opened = open_store(store)
    sources = opened.sources()
    photos = usable_photos(sources, "source")
    inputs = {"photos": photos_digest(sources, "source")}
    identity = StageIdentity(SHARPNESS.name, settings.model_dump(), inputs)
    with begin(opened, client, GROUP, identity, overwrite=overwrite) as out:
        if out.needed:
            measure = Sharp(settings.kernel)
            measured, drop = partial(measured_photo, measure, cache), partial(cache.drop, measure)
            groups = [(photo,) for photo in photos]
            found = list(out.run(groups, measured, "photos", after=drop))
            out.columns(
                COLUMNS, {n: np.concatenate([result[n] for result in found]) for n in COLUMNS}
            )
    return {"photos": len(photos)}


def measured_photo(measure: Sharp, cache: PhotoCache, photos: tuple[Photo]) -> TaskOutput:
    (photo,) = photos
    return TaskOutput({**cache.get(photo, measure), "source": np.array([photo.row])})


def work(job: Job, settings: SharpnessSettings) -> Work:
    options = job.options
    return lambda: measure_sharpness(
        options.store, job.client, settings, job.cache, options.overwrite
    )


def plan(basis: Basis, settings: SharpnessSettings) -> StagePlan:
    state = basis.states[SHARPNESS.name]
    seconds = basis.left(SHARPNESS, basis.decode_pass(SHARPNESS), basis.source)
    return StagePlan(SHARPNESS.name, state, basis.source, "numbers", seconds, 10**8, 0, "")


def measures(settings: SharpnessSettings) -> Mapping[Any, PhotoMeasure]:
    return {"source": Sharp(settings.kernel)}


def sections(store: Store) -> Iterator[Draft]:
    def body() -> FactsBody | None:
        if GROUP not in store.stages():
            return None
        values = store.column(f"{GROUP}/sharpness")
        facts = tuple((str(row), f"{value:.1f}") for row, value in enumerate(values))
        return FactsBody(f"{len(values)} photos measured", facts)

    yield Draft(GROUP, "Sharpness", "facts.html", body, "The store has no sharpness.")


SHARPNESS = Stage(
    name="measure-sharpness",
    key="sharpness",
    settings=SharpnessSettings,
    work=work,
    plan=plan,
    group=GROUP,
    reads=("source",),
    measures=measures,
    measuring=lambda basis, settings: 0.001 * basis.source,
    sections=sections,
)
