"""How like the phone's photos the LR of a row of `benchmarks.worth` is."""

from collections.abc import Iterator

import numpy as np

from benchmarks.kinds_of_pairs import TILE, Job, Made, pictures
from degrade.camera.photo_statistics import SIDE
from degrade.fidelity.classifier_settings import FidelitySettings
from degrade.fidelity.expected_gain import Crop, expected_gain, learnt_filter
from degrade.fidelity.statistics import PatchSet, crop_photo, joined
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.images.files import find_files
from degrade.noise.model_names import DEFAULT_NOISE
from degrade.randomness import stream
from degrade.store.reader import Store, open_store
from pipelines.stages.fidelity import distance_of, split_auc
from pipelines.synthetic_lr import (
    BY_CAMERA,
    LrKind,
    paired_crops,
    photographed_crops,
    photos_with_pairs,
    synthetic_patches,
)

FILES = 400
"""Tiles of folders that a filter is learnt on."""


def likeness(job: Job, made: Made) -> dict[str, float]:
    """Return the distance, and mean and deviation over splits of the area under the ROC curve.

    As `degrade fidelity` does; where the pairs are of clean photos these are set against photos of
    other scenes, which a classifier may see, too: the row of the truth says how well.
    """
    settings = _settings(job)
    real, other = _real(job, settings), _synthetic(job, made, settings)
    count = min(len(real.pixels), len(other.pixels))
    one, two = (PatchSet(each.pixels[:count], each.corners[:count]) for each in (real, other))
    aucs = [split_auc(one, two, split, settings) for split in range(settings.splits)]
    found = {"mean": float(np.mean(aucs)), "deviation": float(np.std(aucs))}
    if TILE // job.scale < SIDE:  # the distance is of larger patches
        return found
    larger = settings.model_copy(update={"patch": SIDE})
    folder = job.data / "source"
    photos = ((read_image(folder / name), name) for name in find_files(folder).images)
    return {"distance": distance_of(photos, _synthetic(job, made, larger), larger), **found}


def predicted_gain(job: Job, made: Made, judge: Job) -> float:
    """Return what a row is expected to gain for the cameras that another row has found, in dB.

    As `degrade fidelity` does.
    """
    settings, store = _settings(job), open_store(judge.store)
    learnt = learnt_filter(_paired(job, made, settings), job.scale)
    judged = photographed_crops(store, photos_with_pairs(store, settings), store.camera(), settings)
    return expected_gain(learnt, judged, job.scale)


def _settings(job: Job) -> FidelitySettings:
    domain = "target" if job.target else "source"
    return FidelitySettings(scale=job.scale, domain=domain, seed=job.seed)


def _real(job: Job, settings: FidelitySettings) -> PatchSet:
    folder = job.data / "source"
    return joined(
        [
            crop_photo(read_image(folder / name), *_size(settings), stream(settings.seed, name))
            for name in find_files(folder).images
        ]
    )


def _synthetic(job: Job, made: Made, settings: FidelitySettings) -> PatchSet:
    if made.kind == "folders":
        return _of_folder(job, settings)
    store = open_store(job.store)
    return synthetic_patches(
        store, photos_with_pairs(store, settings), _column(store, made, settings), settings
    )


def _column(store: Store, made: Made, settings: FidelitySettings) -> LrKind:
    pairs = store.pairs(settings.scale)
    if pairs.camera is not None:
        return BY_CAMERA
    return LrKind(bool((pairs.kernel >= 0).any()), DEFAULT_NOISE if made.noise else None)


def _paired(job: Job, made: Made, settings: FidelitySettings) -> Iterator[Crop]:
    """Yield LR and HR of a row."""
    if made.kind != "folders":
        store = open_store(job.store)
        column = _column(store, made, settings)
        yield from paired_crops(store, photos_with_pairs(store, settings), column, settings)
        return
    files = find_files(job.folders[0]).images
    for index in stream(settings.seed, "paired").permutation(len(files))[:FILES]:
        lr, hr = (to_uint8(read_image(folder / files[index])) for folder in job.folders)
        yield lr, hr


def _of_folder(job: Job, settings: FidelitySettings) -> PatchSet:
    """Return patches of the LR files, those of one picture together."""
    side, count = _size(settings)
    folder, parts = job.folders[0], []
    files = find_files(folder).images
    for picture, _ in pictures(job):
        own = [name for name in files if name.startswith(f"{picture}_")]
        if not own:
            continue
        rng = stream(settings.seed, picture)
        drawn = rng.choice(len(own), size=count)
        cut = [crop_photo(read_image(folder / own[i]), side, 1, rng) for i in drawn]
        pixels, corners = ([getattr(one, name) for one in cut] for name in ("pixels", "corners"))
        parts.append(PatchSet(np.concatenate(pixels), np.concatenate(corners)))
    return joined(parts)


def _size(settings: FidelitySettings) -> tuple[int, int]:
    return settings.patch, settings.patches
