"""Which pairs a build will make, before any is made: photos, kernels, tiles, split and tasks."""

from array import array
from collections import Counter
from collections.abc import Callable, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from degrade.arrays import I64, Image
from degrade.camera.camera_samples import CameraSamples, draw
from degrade.errors import NothingToDo
from degrade.noise.model_table import model_of
from degrade.pairs import PairSettings, hr_size, make_hr, tile_grid
from degrade.randomness import derive, stream
from degrade.store.contents import Sources
from degrade.store.schema import BY_CAMERA, CAMERA_PAIR_COLUMNS, PAIR_COLUMNS, Domain
from degrade.store.stage_inputs import pair_domains
from degrade.store.task_results import Arrays
from pipelines.photos.reading import Photo, usable_photos
from pipelines.photos.rows import RowsOfPhotos, rows_of_photos

PHOTOS_PER_TASK = 16
"""The least number of photos: one whose tiles straddle two tasks is decoded by both."""


@dataclass(frozen=True)
class PairPlan:
    """All pairs before any is made: the photos used and a row of provenance per pair."""

    photos: tuple[Photo, ...]
    refused: tuple[tuple[str, str], ...]
    columns: dict[str, MutableSequence[Any]]
    first_row: I64
    """Row of each photo's first pair, and the total at the end."""


@dataclass(frozen=True)
class PairRows(RowsOfPhotos):
    """Some rows of the pairs, whole chunks.

    Attributes:
        kernels: Row of each photo's kernel.
        made_by: Names all that each photo's LR follows from beside the photo; empty if nobody asks.
    """

    kernels: tuple[int, ...]
    made_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class CamerasOfPhotos:
    """What is drawn where the photos are of several cameras, or of several sensitivities.

    Attributes:
        own: Accepted kernels of the camera that took a photo, by the photo's row; others draw from
            all.
        patches: Rows of the noise that goes with a kernel and a photo's row; None where none is
            baked in.
    """

    own: Mapping[int, I64]
    patches: Callable[[int, int], I64] | None


@dataclass(frozen=True)
class HrMeasure:
    """The HR image of one photo; unlike LR it does not wait for the kernels."""

    cleanup: int
    scale: int
    tile: int

    def scratch_bytes(self, height: int, width: int) -> int | None:
        """As `PhotoMeasure`: the size of the HR image; a small one gives no tile."""
        rows, cols = hr_size(height, width, self.cleanup, self.scale)
        return 3 * rows * cols if min(rows, cols) >= self.tile else None

    def __call__(self, pixels: Image) -> Arrays:
        """Return [h, w, 3] uint8 as ``hr``."""
        return {"hr": make_hr(pixels, self.cleanup, self.scale)}


def hr_measure(settings: PairSettings, domain: Domain) -> HrMeasure:
    """Return what pairs measure of each photo of a domain."""
    return HrMeasure(cleanup_factor(domain, settings), settings.scale, settings.tile)


def plan_pairs(
    sources: Sources,
    settings: PairSettings,
    accepted: I64,
    patches: int,
    bank: CameraSamples | None = None,
    cameras: CamerasOfPhotos | None = None,
) -> PairPlan:
    """Lay out all pairs, photo by photo, with every draw made.

    Args:
        sources: The checked files.
        settings: How to build.
        accepted: Rows of the kernels that one is drawn from for each photo; [-1] = bicubic,
            [-2] = unknown.
        patches: Noise patches that one is drawn from for each tile; 0 = none is baked in.
        bank: Cameras that one is drawn from for each tile; None = the degradation is linear.
        cameras: The kernels and noise of each photo's own camera; None where there is one.

    Raises:
        NothingToDo: No photo is as large as a tile.
    """
    domains = pair_domains(sources, settings)
    checked = [photo for domain in domains for photo in usable_photos(sources, domain)]
    fits = [min(_hr_size(photo, settings)) >= settings.tile for photo in checked]
    photos = list(compress(checked, fits))
    refused = tuple(
        _too_small(p, settings) for p, fit in zip(checked, fits, strict=True) if not fit
    )
    if not photos:
        raise NothingToDo(_no_photo_fits(checked, settings))
    valid = _validation(photos, settings)
    columns: dict[str, MutableSequence[Any]] = {
        name: array("i") if column.dtype == "int32" else []  # millions of rows, a tenth the bytes
        for name, column in PAIR_COLUMNS.items()
    }
    first_row, every = [0], np.arange(patches)
    for photo in photos:
        kernels = accepted if cameras is None else cameras.own.get(photo.row, accepted)
        kernel = int(stream(settings.seed, "kernel", photo.sha256).choice(kernels))
        some = every
        if cameras is not None and cameras.patches is not None:
            some = cameras.patches(kernel, photo.row)
        split = "valid" if photo.row in valid else "train"
        height, width = _hr_size(photo, settings)
        for row, col in tile_grid(height, width, settings.tile):
            noise = _baked(settings, photo, row, col, some) if patches else -1
            noise = BY_CAMERA if bank is not None else noise
            values = (photo.row, row, col, kernel, noise, photo.domain, split)
            for name, value in zip(PAIR_COLUMNS, values, strict=True):
                columns[name].append(value)
            if bank is not None:
                drawn = draw(camera_draw(settings, photo, row, col), bank, 1)
                taken = (drawn.camera, drawn.lossy, drawn.bayer, drawn.phase)
                for name, (value,) in zip(CAMERA_PAIR_COLUMNS, taken, strict=True):
                    columns.setdefault(name, []).append(value)
        first_row.append(len(columns["source"]))
    return PairPlan(tuple(photos), refused, columns, np.array(first_row))


def _baked(settings: PairSettings, photo: Photo, row: int, col: int, patches: I64) -> int:
    """Return the row of the patch that is baked into a tile; -2 if its noise is of none."""
    if not model_of(settings.noise_model).from_patch:
        return -2
    return int(patches[noise_draw(settings, photo, row, col).integers(len(patches))])


def _hr_size(photo: Photo, settings: PairSettings) -> tuple[int, int]:
    factor = cleanup_factor(photo.domain, settings)
    return hr_size(photo.height, photo.width, factor, settings.scale)


def cleanup_factor(domain: Domain, settings: PairSettings) -> int:
    """Return by how much a domain's photos are reduced before they serve as HR."""
    return settings.cleanup if domain == "source" else 1


def _too_small(photo: Photo, settings: PairSettings) -> tuple[str, str]:
    height, width = _hr_size(photo, settings)
    return photo.path, f"HR of {width}x{height} is smaller than a tile of {settings.tile}"


def _no_photo_fits(photos: Sequence[Photo], settings: PairSettings) -> str:
    sides = sorted(min(_hr_size(photo, settings)) for photo in photos)
    median = sides[len(sides) // 2] // settings.scale * settings.scale
    after = f" after clean-up by {settings.cleanup}" if settings.cleanup > 1 else ""
    return (
        f"--tile {settings.tile}: no photo is that large{after} "
        f"(largest short side {sides[-1]}); --tile {median} would fit half of the {len(sides)} "
        "photos"
    )


def _validation(photos: Sequence[Photo], settings: PairSettings) -> set[int]:
    """Draw the rows of photos kept for validation: at least one where a share is asked for.

    Near duplicates go together. Those of no other photo are drawn first, then the smaller groups:
    so the share is what was asked for, and as many scenes as there can be.
    """
    count = round(len(photos) * settings.valid)
    if settings.valid > 0 and len(photos) > 1:
        count = max(1, count)
    lead: dict[int, str] = {}
    for photo in photos:
        lead[photo.group] = min(photo.sha256, lead.get(photo.group, photo.sha256))
    scene = [photo.sha256 if photo.group < 0 else lead[photo.group] for photo in photos]
    size = Counter(photo.group for photo in photos)
    sizes = {s: 1 if p.group < 0 else size[p.group] for s, p in zip(scene, photos, strict=True)}
    order = sorted(sorted(scene), key=lambda sha: (sizes[sha], derive(settings.seed, "split", sha)))
    valid = set(order[:count])
    if sizes[order[-1]] > 1 and valid == set(order):
        valid.remove(order[-1])  # the largest group is not split, and train needs a photo
    return {photo.row for photo, sha in zip(photos, scene, strict=True) if sha in valid}


def noise_draw(settings: PairSettings, photo: Photo, row: int, col: int) -> np.random.Generator:
    """Return the stream that a tile's noise is drawn from: first the patch, then its crop."""
    return stream(settings.seed, "noise", photo.sha256, row, col)


def camera_draw(settings: PairSettings, photo: Photo, row: int, col: int) -> np.random.Generator:
    """Return the stream that a tile's camera is drawn from, and then its noise."""
    return stream(settings.seed, "camera", photo.sha256, row, col)


def pair_rows(
    plan: PairPlan,
    per_chunk: int,
    chunks: Sequence[int] | None = None,
    made_by: Mapping[int, str] | None = None,
) -> list[PairRows]:
    """Cut all rows into runs of whole chunks that each span enough photos, or give some chunks.

    Args:
        plan: All pairs.
        per_chunk: Of them.
        chunks: Numbers of those that are wanted; None is all.
        made_by: Names what each photo's LR follows from, by the photo's row.
    """
    average = max(1.0, int(plan.first_row[-1]) / len(plan.photos))
    together = 1 if chunks is not None else int(np.ceil(PHOTOS_PER_TASK * average / per_chunk))
    groups = rows_of_photos(plan.photos, plan.first_row, together * per_chunk, chunks)
    kernels = plan.columns["kernel"]
    return [
        PairRows(
            **vars(rows),
            kernels=tuple(kernels[span.first] for span in rows.photos),
            made_by=tuple(made_by[span.photo.row] for span in rows.photos) if made_by else (),
        )
        for rows in groups
    ]
