"""The LR that training would see of photos' pairs, as patches and beside its HR."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from degrade.arrays import F32, I32, I64
from degrade.camera.camera_samples import CameraSamples, taken_tile
from degrade.degradation import degrade
from degrade.fidelity.classifier_settings import FidelitySettings
from degrade.fidelity.expected_gain import Crop
from degrade.fidelity.statistics import AddedNoise, PatchSet, crop_tiles, joined, with_noise
from degrade.images.colour import to_uint8, unit_float
from degrade.noise.model_names import NoiseName
from degrade.noise.model_table import model_of
from degrade.randomness import stream
from degrade.store.contents import Kernels, Pairs
from degrade.store.photo_groups import noise_of_kernels
from degrade.store.reader import Store
from pipelines.photos.reading import Photo, usable_photos
from sr_train.data.noise import noise_left

TILES = 8
"""Tiles of each photo that a filter is learnt on, or judged on."""


@dataclass(frozen=True)
class LrKind:
    """A kind of synthetic LR that is set against the photos."""

    kernels: bool
    """Blurred by the store's kernels; else MATLAB's bicubic."""
    noise: NoiseName | None
    by_camera: bool = False
    """The LR of the store, which cameras took, as it is."""

    def __str__(self) -> str:
        """Name it for people."""
        if self.by_camera:
            return "cameras"
        blur = "kernels" if self.kernels else "bicubic"
        return f"{blur} and {self.noise} noise" if self.noise else blur


BY_CAMERA = LrKind(kernels=False, noise=None, by_camera=True)


@dataclass(frozen=True)
class _OfPhoto:
    """The pairs of one photo, whose LR is of one kind.

    Attributes:
        photo: Which.
        rows: [n], of the pairs.
        origins: [n, 2], where each tile begins in its LR image; by cameras, in JPEG's unit.
        left: Share of the sensor's noise variance that the LR has already.
        noise: What is to be added; None for nothing.
    """

    photo: Photo
    rows: I64
    origins: I32 | I64
    left: float
    noise: AddedNoise | None


def photos_with_pairs(store: Store, settings: FidelitySettings) -> list[Photo]:
    """Return the photos of ``settings.domain`` of which there are pairs."""
    pairs = store.pairs(settings.scale)
    rows = set(pairs.source[pairs.domain == settings.domain].tolist())
    return [p for p in usable_photos(store.sources(), settings.domain) if p.row in rows]


def synthetic_patches(
    store: Store, photos: Sequence[Photo], column: LrKind, settings: FidelitySettings
) -> PatchSet:
    """Return patches of the LR of photos' pairs, as training would see them."""
    pairs, size = store.pairs(settings.scale), (settings.patch, settings.patches)
    parts = []
    for one in _of_photos(store, pairs, photos, column, settings):
        rng = stream(settings.seed, "fidelity-synthetic", str(column), one.photo.sha256)
        tiles = list(_lr_tiles(store, pairs, one, one.rows, column, settings.seed))
        parts.append(crop_tiles(tiles, one.origins, one.left, *size, rng, one.noise))
    return joined(parts)


def paired_crops(
    store: Store, photos: Sequence[Photo], column: LrKind, settings: FidelitySettings
) -> Iterator[Crop]:
    """Yield the LR of some of the photos' pairs, as training would see it, and its HR."""
    pairs = store.pairs(settings.scale)
    for one in _of_photos(store, pairs, photos, column, settings):
        rng = stream(settings.seed, "fidelity-pairs", str(column), one.photo.sha256)
        rows = _some(one.rows, rng)
        tiles = _lr_tiles(store, pairs, one, rows, column, settings.seed)
        for row, lr in zip(rows.tolist(), tiles, strict=True):
            seen = lr if one.noise is None else with_noise(lr, one.noise, one.left, rng)
            yield to_uint8(np.clip(seen, 0, 1)), pairs.hr.tile(row)


def photographed_crops(
    store: Store, photos: Sequence[Photo], bank: CameraSamples, settings: FidelitySettings
) -> Iterator[Crop]:
    """Yield photos by cameras of some of the HR of the photos' pairs, anew, and that HR."""
    pairs = store.pairs(settings.scale)
    for photo in photos:
        rng = stream(settings.seed, "fidelity-photographed", photo.sha256)
        for row in _some(_rows_of(pairs, photo, settings), rng).tolist():
            hr = pairs.hr.tile(row)
            taken, lr = taken_tile(hr, (0, 0), len(hr), pairs.scale, bank, rng)
            yield lr, taken


def _some(rows: I64, rng: np.random.Generator) -> I64:
    return np.sort(rng.permutation(rows)[:TILES])


def _rows_of(pairs: Pairs, photo: Photo, settings: FidelitySettings) -> I64:
    return np.flatnonzero((pairs.source == photo.row) & (pairs.domain == settings.domain))


def _of_photos(
    store: Store,
    pairs: Pairs,
    photos: Sequence[Photo],
    column: LrKind,
    settings: FidelitySettings,
) -> Iterator[_OfPhoto]:
    noise = noise_of_kernels(store, _kernels(store, pairs)) if column.noise else None
    left = noise_left(store, pairs, noise) if noise else None
    for photo in photos:
        rows = _rows_of(pairs, photo, settings)
        origins = np.stack([pairs.row[rows], pairs.col[rows]], axis=1) // pairs.scale
        if column.by_camera and pairs.phase is not None:
            origins = pairs.phase[rows]  # where JPEG's blocks begin, and nothing else
        share = float(left[rows[0]]) if left is not None else 0.0
        added = None
        if column.noise and noise:
            own = noise.of(int(pairs.kernel[rows[0]]), photo.row)
            added = AddedNoise(model_of(column.noise), own)
        yield _OfPhoto(photo, rows, origins, share, added)


def _kernels(store: Store, pairs: Pairs) -> Kernels | None:
    """Return the kernels that pairs were made with, if estimated ones."""
    return store.kernels(pairs.scale) if (pairs.kernel >= 0).any() else None


def _lr_tiles(
    store: Store, pairs: Pairs, one: _OfPhoto, rows: I64, column: LrKind, seed: int
) -> Iterator[F32]:
    """Yield LR without noise of the HR tiles, anew: what is stored may have noise baked in."""
    if column.by_camera:
        yield from (unit_float(pairs.lr.tile(int(index))) for index in rows)
        return
    weights: F32 | None = None
    if column.kernels:
        kernels = store.kernels(pairs.scale)
        row = int(pairs.kernel[one.rows[0]])
        if row < 0:
            accepted = np.flatnonzero(kernels.accepted)
            row = int(stream(seed, "fidelity-kernel", one.photo.sha256).choice(accepted))
        weights = kernels.weights[row]
    for index in rows:
        yield degrade(pairs.hr.tile(int(index)), weights, pairs.scale)
