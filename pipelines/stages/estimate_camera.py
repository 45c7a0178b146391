"""Stage `estimate-camera`: photos to the cameras that may have taken them."""

from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from degrade.arrays import F64
from degrade.camera.camera_samples import JpegCompression
from degrade.camera.evidence import PhotoStatistics
from degrade.camera.fit import FittedCameras, fit_cameras
from degrade.camera.flat import GROWING, growth
from degrade.camera.parameters import PARAMETERS, Cameras
from degrade.camera.search_settings import FEWEST_PHOTOS, CameraSettings
from degrade.camera.views import SCENES, Scenes, simulated
from degrade.errors import NothingToDo
from degrade.store.reader import open_store
from degrade.store.schema import CAMERA, COMPRESSION_COLUMNS, Column, Domain
from degrade.store.stage_inputs import photos_digest
from degrade.store.stages import StageIdentity
from degrade.store.task_results import Arrays, TaskResults
from degrade.store.writer import GroupWriter
from pipelines.camera_evidence import (
    CameraEvidence,
    chosen_scenes,
    compressions,
    compressions_of_scenes,
    flat_places,
    measure_photos,
)
from pipelines.camera_report import CameraReport, camera_report
from pipelines.execution.cluster import Client
from pipelines.execution.stage_writer import StageWriter, TaskOutput, begin, blocks, per_task
from pipelines.photos.cache import NO_CACHE, PhotoCache
from pipelines.photos.one_camera import of_one_camera
from pipelines.photos.previous_results import PhotoResults, PreviousResults
from pipelines.photos.reading import Photo, bounded_groups, usable_photos

STAGE = "estimate-camera"
PHOTOS_PER_TASK, PIXELS_PER_TASK = 16, 200_000_000
CAMERAS_PER_TASK = 8
SCENES_RESULT = f"{CAMERA}/scenes"
FEW, ALL = 0, 1
"""Its results: the scenes that all cameras are simulated on, with flat places, and all scenes."""


def estimate_camera(
    location: str,
    client: Client,
    settings: CameraSettings,
    *,
    overwrite: bool = False,
    cache: PhotoCache = NO_CACHE,
) -> CameraReport:
    """Find the cameras that may have taken the source photos, into the store's `camera`.

    Cameras are simulated on scenes: clean target photos where the store knows some, else the photos
    themselves, reduced.

    Raises:
        NothingToDo: Fewer than `FEWEST_PHOTOS` photos are large enough and in colour.
        StoreError: There was no check, or the cameras were found with other settings or photos.
    """
    store = open_store(location)
    sources = store.sources()
    camera = of_one_camera(store, usable_photos(sources, "source"), settings.only)
    photos = camera.photos
    domain: Domain = "target" if len(sources.usable("target")) else "source"
    inputs = {"photos": photos_digest(sources, "source"), "scenes": photos_digest(sources, domain)}
    inputs |= camera.inputs()
    identity = StageIdentity(STAGE, settings.model_dump(), inputs)
    with begin(store, client, CAMERA, identity, overwrite=overwrite) as out:
        if out.needed:
            size = per_task(PHOTOS_PER_TASK, len(photos))
            tasks, measure = (
                bounded_groups(photos, size, PIXELS_PER_TASK),
                CameraEvidence(settings.seed),
            )
            each = PhotoResults(PreviousResults.of(location, CAMERA), cache, measure)
            look, drop = partial(measure_photos, each), partial(cache.drop, measure)
            results = out.run(tasks, look, "photos", after=drop)
            scenes = photos if domain == "source" else usable_photos(sources, domain)
            _assemble(out, settings, list(results), photos, scenes)
            out.results.update(camera.facts())
    return camera_report(store)


def _assemble(
    out: StageWriter,
    settings: CameraSettings,
    results: Sequence[Arrays],
    photos: Sequence[Photo],
    scenes: Sequence[Photo],
) -> None:
    """Search for cameras, and write them; a stage that finds too few photos is taken back."""
    reasons = np.concatenate([result["reason"] for result in results])
    rows = [result["statistics"] for result in results if "statistics" in result]
    observed = np.concatenate(rows) if rows else np.zeros((0, 1))
    if len(observed) < FEWEST_PHOTOS:
        first = next((str(reason) for reason in reasons if reason), "there are no more")
        raise NothingToDo(
            f"{len(observed)} photos to tell a camera from ({first}); give {FEWEST_PHOTOS} or "
            "more in colour, or build pairs with --degradation linear"
        )
    kinds, said = compressions(results, settings.jpeg, photos)
    lossy = compressions_of_scenes(kinds)
    shown = np.concatenate([result["content"] for result in results if "content" in result])
    views = chosen_scenes(settings, scenes, np.asarray(shown, np.float64))
    flat = flat_places(results)
    saved = TaskResults(out.location, SCENES_RESULT)
    saved.save(FEW, {"views": views[:SCENES], "colours": flat.colours})
    saved.save(ALL, {"views": views, "colours": flat.colours[:0]})
    seen = PhotoStatistics(np.asarray(observed, np.float64), flat.power.ravel())
    tone = "none" if growth(flat) > GROWING else "sRGB"
    fitted = _fit(out, settings, seen, lossy, tone)
    write_bank(out, fitted.cameras, kinds)
    refused = [[photo.path, str(why)] for photo, why in zip(photos, reasons, strict=True) if why]
    facts = {"misfit": fitted.misfit, "scenes": scenes[0].domain, "photos": len(observed)}
    out.results.update({**facts, "compression": said, "refused": refused})


def _fit(
    out: StageWriter,
    settings: CameraSettings,
    observed: PhotoStatistics,
    lossy: tuple[JpegCompression, ...] | None,
    tone: str,
) -> FittedCameras:
    """Search for cameras of a tone curve, simulating them in tasks that save results."""
    round_of = count()

    def simulate(shares: F64, *, many: bool = False) -> PhotoStatistics:
        size = 1 if many else CAMERAS_PER_TASK
        cut = [shares[rows.start : rows.stop] for rows in blocks(len(shares), size)]
        work = partial(_simulate, out.location, ALL if many else FEW, lossy, settings)
        results = list(out.run(cut, work, "cameras", subgroup=f"simulated/{next(round_of)}"))
        scenes, flat = (
            np.concatenate([np.asarray(result[name], np.float64) for result in results])
            for name in ("scenes", "flat")
        )
        return PhotoStatistics(scenes, flat)

    # One thread, so that the search's bytes do not depend on the number of cores.
    with threadpool_limits(1, user_api="blas"):
        return fit_cameras(observed, simulate, settings.seed, tone)


def _simulate(
    location: str,
    index: int,
    lossy: tuple[JpegCompression, ...] | None,
    settings: CameraSettings,
    shares: F64,
) -> TaskOutput:
    result = TaskResults(location, SCENES_RESULT).result(index)
    views, colours = (
        np.asarray(result["views"], np.uint8),
        np.asarray(result["colours"], np.float64),
    )
    scenes = Scenes(views, colours, settings.scale, lossy, settings.seed)
    found = [simulated(share, scenes) for share in shares]
    each = {"scenes": [one.scenes for one in found], "flat": [one.flat for one in found]}
    return TaskOutput({name: np.stack(arrays) for name, arrays in each.items()})


def renew_camera(location: str, client: Client) -> bool:
    """Find the cameras again where clean photos came after they were found on the photos alone.

    Clean photos are the better scenes: nothing of the camera is in them. Returns whether it was
    done.
    """
    store = open_store(location)
    if store.camera().scenes == "target" or not len(store.sources().usable("target")):
        return False
    found = store.stages()[CAMERA]
    if found["stage"] != STAGE:  # imported: of other photos
        return False
    settings = CameraSettings(**found["parameters"])
    estimate_camera(location, client, settings, overwrite=True)
    return True


def write_bank(
    out: GroupWriter, cameras: Cameras, kinds: Sequence[tuple[JpegCompression, int]]
) -> None:
    """Write cameras, and in how many files each kind of compression was found, as columns."""
    columns = {name: Column("float64", p.meaning) for name, p in PARAMETERS.items()}
    values = dict(zip(PARAMETERS, cameras.values.T, strict=True))
    out.columns(columns, values)
    compressions: dict[str, Any] = {
        "tables": np.array([kind.tables for kind, _ in kinds], np.float32),
        "subsampling": [kind.subsampling for kind, _ in kinds],
        "files": [files for _, files in kinds],
    }
    out.columns(COMPRESSION_COLUMNS, compressions)
