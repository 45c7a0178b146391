"""Stage `fidelity`: does the synthetic LR look like the photos, and where does it differ?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from degrade.arrays import F64, Image
from degrade.camera.photo_statistics import SIDE
from degrade.camera.views import measure_photo
from degrade.errors import NothingToDo, SettingsError
from degrade.fidelity.classifier_settings import FEWEST_PHOTOS, FidelitySettings
from degrade.fidelity.distance import distance
from degrade.fidelity.expected_gain import expected_gain, learnt_filter
from degrade.fidelity.statistics import (
    PatchSet,
    StatisticDifference,
    all_statistics,
    crop_photo,
    differences,
    joined,
)
from degrade.noise.sensor import REACH
from degrade.randomness import derive, stream
from degrade.store.reader import Store, open_store
from degrade.store.schema import CAMERA
from degrade.store.stage_inputs import check_pairs_current
from pipelines.execution.cluster import Client
from pipelines.execution.progress import track
from pipelines.execution.streaming import stream as results
from pipelines.photos.reading import Photo, usable_photos
from pipelines.synthetic_lr import (
    BY_CAMERA,
    LrKind,
    paired_crops,
    photographed_crops,
    photos_with_pairs,
    synthetic_patches,
)

JUDGED = 1 / 3
"""Share of the photos that a classifier is judged on."""
CONTROL = "real against real"


@dataclass(frozen=True)
class Score:
    """How well the classifiers of all splits separated one kind of LR from the photos."""

    column: str
    auc: float
    """Mean area under the ROC curve: 0.5 is a guess, 1 always right."""
    deviation: float
    """Standard deviation over the splits."""
    splits: tuple[float, ...]
    """Each split's AUC, the least first."""
    distance: float | None
    """See `degrade.fidelity.distance`; None where LR tiles or too many photos are smaller than
    what is compared."""
    gain: float | None
    """dB, see `degrade.fidelity.expected_gain`; None of photos, and where no cameras were found."""


@dataclass(frozen=True)
class FidelityReport:
    """All columns, and what the photos were."""

    photos: int
    patches: int
    scores: tuple[Score, ...]
    compared: str
    """The column whose differences follow: kernels, and noise by the first model."""
    differences: tuple[StatisticDifference, ...]
    """The largest first."""
    finding: str
    """One sentence: the largest difference, and the option that changes it."""


def fidelity(
    location: str,
    client: Client,
    settings: FidelitySettings,
    *,
    columns: Sequence[LrKind] | None = None,
) -> FidelityReport:
    """Test whether classifiers separate the LR that training would see from the photos.

    Args:
        location: The store.
        client: Where to run.
        settings: Of the test.
        columns: What is set against the photos beside the control; None is `compared_kinds`.

    Raises:
        StoreError: Kernels, noise or pairs are missing or not current.
        NothingToDo: Too few photos for a split.
        SettingsError: Tiles or noise patches are smaller than a patch.
    """
    store = open_store(location)
    chosen = chosen_photos(store, settings)
    check_pairs_current(store, settings.scale)
    _check_sizes(store, settings)
    by_camera = store.pairs(settings.scale).camera is not None
    wanted = compared_kinds(settings, by_camera=by_camera)
    judged = [None, *(wanted if columns is None else columns)]
    tasks = [(split, column) for split in range(settings.splits) for column in judged]
    judge = partial(_judge, location, settings)
    found: dict[LrKind | None, list[float]] = {column: [] for column in judged}
    with track("fidelity", len(tasks), "classifiers") as counter:
        for column, auc in results(client, judge, tasks):
            counter.advance(1)
            found[column].append(auc)
    far = dict(results(client, partial(_far, location, settings), judged))
    gains = dict(results(client, partial(_gain, location, settings), judged))
    scores = tuple(
        _score(column, sorted(aucs), far[column], gains[column]) for column, aucs in found.items()
    )
    compared = BY_CAMERA if by_camera else LrKind(kernels=True, noise=settings.noise_models[0])
    real = real_patches(chosen.real, settings)
    synthetic = synthetic_patches(store, chosen.made_of, compared, settings)
    found_by = differences(real, synthetic, all_statistics(_autocorrelation(store, by_camera)))
    return FidelityReport(
        photos=len(chosen.real),
        patches=settings.patches,
        scores=scores,
        compared=str(compared),
        differences=tuple(found_by),
        finding=_finding(found_by[0], str(compared)),
    )


def _autocorrelation(store: Store, by_camera: bool) -> F64:
    """Return that of the photos' noise; where cameras need no noise bank, white noise's."""
    if not by_camera:
        return store.noise().sensor.autocorrelation
    return np.pad(np.ones((1, 1)), REACH)


def compared_kinds(settings: FidelitySettings, *, by_camera: bool = False) -> list[LrKind]:
    """Return the columns beside the control: without noise, then with each model's.

    Of pairs that cameras took there are bicubic LR and theirs, which need neither kernels nor a
    noise bank.
    """
    if by_camera:
        return [LrKind(kernels=False, noise=None), BY_CAMERA]
    models = (None, *settings.noise_models)
    return [LrKind(kernels, model) for model in models for kernels in (False, True)]


@dataclass(frozen=True)
class ChosenPhotos:
    """Photos, and as many whose pairs' LR is set against them."""

    real: list[Photo]
    made_of: list[Photo]


def chosen_photos(store: Store, settings: FidelitySettings) -> ChosenPhotos:
    """Return the photos, and those of ``settings.domain`` of which there are pairs, as many.

    Of source pairs both are the same photos.

    Raises:
        NothingToDo: They are too few to split.
    """
    sources, domain = store.sources(), settings.domain
    if not len(sources.usable(domain)):
        raise NothingToDo(
            f"{store.location}: has no {domain} photos; give some to `degrade check` (--target) "
            "and build their pairs, or compare --pairs source"
        )
    made_of = _drawn(photos_with_pairs(store, settings), settings)
    real = _drawn(usable_photos(sources, "source"), settings) if domain == "target" else made_of
    count = min(len(real), len(made_of))
    if count < FEWEST_PHOTOS:
        raise NothingToDo(
            f"{store.location}: {count} {domain} photos have x{settings.scale} pairs, too few "
            f"to train on some and judge on others; give {FEWEST_PHOTOS} or more to `degrade check`"
        )
    return ChosenPhotos(
        *(sorted(some[:count], key=lambda photo: photo.row) for some in (real, made_of))
    )


def _drawn(photos: list[Photo], settings: FidelitySettings) -> list[Photo]:
    """Return random ones of the photos that hold a patch, at most ``settings.photos``."""
    large = [p for p in photos if min(p.height, p.width) >= settings.patch]
    order = sorted(large, key=lambda photo: derive(settings.seed, "fidelity", photo.sha256))
    return order[: settings.photos]


def real_patches(photos: list[Photo], settings: FidelitySettings) -> PatchSet:
    """Return patches of the photos themselves."""

    def one(photo: Photo) -> PatchSet:
        rng = stream(settings.seed, "fidelity-real", photo.sha256)
        return crop_photo(photo.read(), settings.patch, settings.patches, rng)

    return joined([one(photo) for photo in photos])


def _judge(
    location: str, settings: FidelitySettings, task: tuple[int, LrKind | None]
) -> tuple[LrKind | None, float]:
    """Train the classifier of a split and column, and judge it; None sets photos against photos."""
    (split, column), store = task, open_store(location)
    chosen = chosen_photos(store, settings)
    real = real_patches(chosen.real, settings)
    if column is None:
        one, other = real.halves()
    else:
        one, other = real, synthetic_patches(store, chosen.made_of, column, settings)
    return column, split_auc(one, other, split, settings)


def split_auc(real: PatchSet, other: PatchSet, split: int, settings: FidelitySettings) -> float:
    """Return the AUC of a classifier that some photos train and a split of others judges.

    Both sets have patches of as many photos.
    """
    from sr_train.evaluation.two_sample_test import two_sample_auc

    count = len(real.pixels)
    order = stream(settings.seed, "fidelity-split", split).permutation(count)
    judged = max(2, round(count * JUDGED))
    seed = derive(settings.seed, "fidelity-classifier", split)
    parts = (np.sort(order[judged:]), np.sort(order[:judged]))
    return two_sample_auc(real.pixels, other.pixels, *parts, settings, seed)


def _far(
    location: str, settings: FidelitySettings, column: LrKind | None
) -> tuple[LrKind | None, float | None]:
    """Return the distance of a column; None sets the photos' own patches against the photos."""
    store = open_store(location)
    settings = settings.model_copy(update={"patch": SIDE})
    if store.pairs(settings.scale).lr.shape[1] < SIDE:
        return column, None
    try:
        chosen = chosen_photos(store, settings)
    except NothingToDo:  # too few photos are large enough
        return column, None
    if column is None:
        patches = real_patches(chosen.real, settings)
    else:
        patches = synthetic_patches(store, chosen.made_of, column, settings)
    photos = ((photo.read(), photo.sha256) for photo in chosen.real)
    return column, distance_of(photos, patches, settings)


def distance_of(
    photos: Iterable[tuple[Image, str]], patches: PatchSet, settings: FidelitySettings
) -> float:
    """Return how far patches of ``SIDE`` pixels are from photos, whose keys give the places."""
    looks = [measure_photo(pixels, key, settings.seed) for pixels, key in photos]
    shown, seen = (np.stack(column) for column in zip(*looks, strict=True))
    rng = stream(settings.seed, "fidelity-distance")
    return distance(shown, seen, patches.pixels.reshape(-1, SIDE, SIDE, 3), rng)


def _gain(
    location: str, settings: FidelitySettings, column: LrKind | None
) -> tuple[LrKind | None, float | None]:
    """Return what a column's pairs are expected to gain, where the store has cameras to judge."""
    store = open_store(location)
    if column is None or not store.stages().get(CAMERA, {}).get("complete"):
        return column, None
    photos = chosen_photos(store, settings).made_of
    learnt = learnt_filter(paired_crops(store, photos, column, settings), settings.scale)
    judged = photographed_crops(store, photos, store.camera(), settings)
    return column, expected_gain(learnt, judged, settings.scale)


def _finding(largest: StatisticDifference, compared: str) -> str:
    return (
        f"The largest difference of {compared} is in {largest.name}: {largest.ratio:.1f} times "
        f"what chance makes between two halves of the photos' patches; it follows {largest.option}."
    )


def _score(
    column: LrKind | None, aucs: list[float], far: float | None, gain: float | None
) -> Score:
    name = CONTROL if column is None else str(column)
    return Score(name, float(np.mean(aucs)), float(np.std(aucs)), tuple(aucs), far, gain)


def _check_sizes(store: Store, settings: FidelitySettings) -> None:
    """Refuse what would fail in a worker: no kernels, no noise, tiles or patches too small."""
    pairs = store.pairs(settings.scale)
    noise = None if pairs.camera is not None else store.noise()
    if noise is not None and not store.kernels(settings.scale).accepted.any():
        raise NothingToDo(
            f"{store.location}: no x{settings.scale} kernel was accepted; estimate them from other "
            "photos (`degrade estimate-kernels`)"
        )
    side, wanted = pairs.lr.shape[1], settings.patch
    if side < wanted:
        raise SettingsError(
            f"{store.location}: LR tiles are {side} pixels, the test's patches {wanted}; run "
            f"`degrade build-pairs --tile {wanted * settings.scale} --overwrite`"
        )
    if noise is None:
        return
    if noise.patches.shape[1] < wanted:
        raise SettingsError(
            f"{store.location}: noise patches are {noise.patches.shape[1]} pixels, the test's "
            f"{wanted}; run `degrade mine-noise --patch {wanted} --overwrite`"
        )
    _ = noise.sensor  # a bank that was imported or mined before has none, and says so
