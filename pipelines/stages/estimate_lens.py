"""Stage `estimate-lens`: photos to what their lens does by place and by colour."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from degrade.arrays import Image
from degrade.errors import NothingToDo, StoreError
from degrade.kernels.lens_evidence import LensEvidence, lens_evidence
from degrade.kernels.lens_fit import FittedLens, fit_lens
from degrade.kernels.lens_settings import FEWEST_PHOTOS, LensSettings
from degrade.kernels.spectral import MIN_SIDE
from degrade.store.photo_groups import ESTIMATE_KERNELS
from degrade.store.reader import Store, open_store
from degrade.store.schema import LENS_ARRAYS, kernels_group, lens_group
from degrade.store.stage_inputs import check_measured_on_photos, lens_inputs
from degrade.store.stages import StageIdentity
from degrade.store.task_results import Arrays
from pipelines.execution.cluster import Client
from pipelines.execution.stage_writer import StageWriter, TaskOutput, begin
from pipelines.lens_report import LensReport, lens_report
from pipelines.photos.cache import NO_CACHE, PhotoCache
from pipelines.photos.one_camera import of_one_camera
from pipelines.photos.previous_results import PhotoResults, PreviousResults
from pipelines.photos.reading import Photo, bounded_groups, usable_photos

STAGE = "estimate-lens"
PHOTOS_PER_TASK, PIXELS_PER_TASK = 8, 100_000_000
Refused = list[tuple[str, str]]
"""Photos that were not looked at, and why."""


@dataclass(frozen=True)
class LensMeasure:
    """Measures what one photo shows of its lens."""

    rings: int

    def scratch_bytes(self, height: int, width: int) -> int | None:
        """As `pipelines.photos.cache.PhotoMeasure`: the stage saves the result."""
        return 0 if min(height, width) >= MIN_SIDE else None

    def __call__(self, pixels: Image) -> Arrays:
        """Return the arrays of `LensEvidence`, one each, or none of each and the ``reason``."""
        found = lens_evidence(pixels, self.rings)
        if isinstance(found, LensEvidence):
            arrays = {name: array[None] for name, array in vars(found).items()}
            return {**arrays, "reason": np.array("")}
        cells = np.zeros((0, self.rings, 3, 3))
        nothing = {"radius": np.zeros((0, self.rings)), "shift": np.zeros((0, 2))}
        return {"blur": cells, "variance": cells, **nothing, "reason": np.array(found)}


def estimate_lens(
    location: str,
    client: Client,
    settings: LensSettings,
    *,
    overwrite: bool = False,
    cache: PhotoCache = NO_CACHE,
) -> LensReport:
    """Measure the lens of one camera's photos into the store's `lens/x{s}`.

    Photos are those whose kernel was accepted, of the size that most of them have: others are cut
    or resized, and where the lens had its middle is not known.

    Raises:
        NothingToDo: Fewer than `FEWEST_PHOTOS` photos tell.
        SettingsError: There is no such camera.
        StoreError: There are no kernels, they are not of these photos, or the lens was measured
            with other settings.
    """
    store = open_store(location)
    group = lens_group(settings.scale)
    inputs = lens_inputs(store, settings.scale)
    camera = of_one_camera(store, usable_photos(store.sources(), "source"), settings.only)
    photos, refused = _chosen(store, settings.scale, camera.photos)
    identity = StageIdentity(STAGE, settings.model_dump(), inputs)
    with begin(store, client, group, identity, overwrite=overwrite) as out:
        if out.needed:
            tasks = bounded_groups(photos, PHOTOS_PER_TASK, PIXELS_PER_TASK)
            measure = LensMeasure(settings.rings)
            each = PhotoResults(PreviousResults.of(location, group), cache, measure)
            drop = partial(cache.drop, measure)
            results = out.run(tasks, partial(_measured, each), "photos", after=drop)
            seen = [_evidence(result) for result in results]
            reasons = [str(why) for result in results for why in result["reason"]]
            refused += [(p.path, why) for p, why in zip(photos, reasons, strict=True) if why]
            found = [one for some in seen for one in some]
            _check_enough(len(found), refused)
            _write(out, fit_lens(found, settings.scale))
            left_out = [list(one) for one in refused]
            out.results.update({"photos": len(found), "refused": left_out, **camera.facts()})
    return lens_report(open_store(location), settings.scale)


def _chosen(store: Store, scale: int, photos: Sequence[Photo]) -> tuple[list[Photo], Refused]:
    """Return the photos of the usual size whose kernel was accepted, and why not the others."""
    group = kernels_group(scale)
    if store.recorded(group)["stage"] != ESTIMATE_KERNELS:
        raise StoreError(
            f"{store.location}/{group}: was imported, which tells nothing of the photos; run "
            f"`degrade estimate-kernels --scale {scale} --overwrite`"
        )
    check_measured_on_photos(store, group)
    kernels = store.kernels(scale)
    accepted = set(kernels.source[kernels.accepted].tolist())
    refused = [(p.path, "its kernel was not accepted") for p in photos if p.row not in accepted]
    sharp = [photo for photo in photos if photo.row in accepted]
    sizes = Counter(map(_size, sharp))
    usual = max(sizes, key=lambda size: (sizes[size], size), default=(0, 0))
    refused += [
        (p.path, f"{p.width}x{p.height} is not the usual {usual[0]}x{usual[1]}: cut or resized")
        for p in sharp
        if _size(p) != usual
    ]
    kept = [photo for photo in sharp if _size(photo) == usual]
    _check_enough(len(kept), refused)
    return kept, refused


def _size(photo: Photo) -> tuple[int, int]:
    """Return the longer and the shorter side: a camera may be held upright."""
    return max(photo.height, photo.width), min(photo.height, photo.width)


def _measured(each: PhotoResults, photos: Sequence[Photo]) -> TaskOutput:
    found = each.find(photos)
    arrays = {
        name: np.concatenate([np.atleast_1d(one[name]) for one in found]) for name in found[0]
    }
    return TaskOutput(arrays, int((arrays["reason"] != "").sum()))


def _evidence(result: Arrays) -> list[LensEvidence]:
    names = ("blur", "variance", "radius", "shift")
    columns = (np.asarray(result[name], np.float64) for name in names)
    return [LensEvidence(*row) for row in zip(*columns, strict=True)]


def _check_enough(count: int, refused: Refused) -> None:
    if count < FEWEST_PHOTOS:
        first = f" ({refused[0][0]}: {refused[0][1]})" if refused else ""
        raise NothingToDo(
            f"{count} photos tell of the lens, {len(refused)} were left out{first}; give "
            f"{FEWEST_PHOTOS} or more whole photos of one camera, or build pairs with "
            "--kernels estimated"
        )


def _write(out: StageWriter, fitted: FittedLens) -> None:
    lens = fitted.lens
    for name, array in {**vars(lens), "sigma": fitted.sigma}.items():
        out.array(name, array, LENS_ARRAYS[name].meaning)
    both = {"place": fitted.place, "colour": fitted.colour}
    tests = {name: {**asdict(one), "supported": one.supported} for name, one in both.items()}
    red, blue = ({**asdict(one), "supported": one.supported} for one in fitted.shifts)
    out.results["tests"] = {**tests, "red": red, "blue": blue}
