"""Stage `build-pairs`: photos and kernels to HR/LR tiles with their provenance."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from degrade.arrays import I64, U8
from degrade.camera.camera_samples import CameraSamples, taken_tile
from degrade.degradation import degrade, to_uint8
from degrade.errors import NothingToDo, SettingsError
from degrade.images.scores import OF_TILE, scores_of
from degrade.kernels.lens import degrade_by_lens
from degrade.noise.model_table import model_of
from degrade.noise.sensor import share_left
from degrade.pairs import PairSettings, hr_size, tile_grid
from degrade.randomness import stream
from degrade.store.contents import Kernels
from degrade.store.kernel_posterior import jittered
from degrade.store.photo_groups import NoiseOfKernels, groups_of, noise_of_kernels
from degrade.store.raw import RawArrays
from degrade.store.reader import Store, open_store
from degrade.store.schema import (
    BY_CAMERA,
    BY_LENS,
    CAMERA_PAIR_COLUMNS,
    IMPORTED_PAIR_COLUMNS,
    LENS_PAIR_COLUMNS,
    PAIR_COLUMNS,
    SCORE_COLUMNS,
    pairs_group,
)
from degrade.store.stage_inputs import check_pairs_current, pair_inputs
from degrade.store.stages import StageIdentity
from degrade.store.writer import tiles_per_chunk
from pipelines.execution.cluster import Client
from pipelines.execution.stage_writer import MeasuredRow, Rows, StageWriter, Written, begin, rewrite
from pipelines.pair_plan import (
    CamerasOfPhotos,
    PairPlan,
    PairRows,
    camera_draw,
    hr_measure,
    noise_draw,
    pair_rows,
    plan_pairs,
)
from pipelines.photos.cache import NO_CACHE, PhotoCache
from pipelines.photos.previous_results import NO_PREVIOUS, PreviousResults, key_of, save_results
from pipelines.photos.reading import Photo
from pipelines.photos.rows import PhotoRows
from pipelines.stage import scale_of

STAGE = "build-pairs"
_KERNELS = 1024
"""Kernels in memory at a time."""


@dataclass(frozen=True)
class PairsReport:
    """What was built: pairs by split, and photos that were too small, with the reason."""

    pairs: int
    valid: int
    photos: int
    refused: tuple[tuple[str, str], ...]


def build_pairs(
    location: str,
    client: Client,
    settings: PairSettings,
    *,
    overwrite: bool = False,
    cache: PhotoCache = NO_CACHE,
) -> PairsReport:
    """Build the pairs of every usable photo, resuming where a killed run stopped.

    LR is made from the whole 8-bit HR image and then tiled, so tiles have no borders of their own
    and the stored HR tile explains the stored LR tile.

    Raises:
        NothingToDo: No photo is as large as a tile, or no kernel was accepted.
        StoreError: A stage that this one needs was never run, or settings differ from those that
            the pairs were begun with.
    """
    store = open_store(location)
    identity, plan = _planned(store, settings)
    group = pairs_group(settings.scale)
    with begin(store, client, group, identity, overwrite=overwrite) as out:
        if out.needed:
            by = _Making(location, settings, cache, PreviousResults.of(location, group))
            made_by = _made_by(store, settings, identity, plan)
            _save_made_by(by, plan, made_by)
            groups = pair_rows(plan, tiles_per_chunk(settings.tile), made_by=made_by)
            tiles = partial(_tiles, by)
            write_pairs(out, plan, settings, groups, tiles, partial(_drop, settings, cache))
            out.results["refused"] = [list(row) for row in plan.refused]
    valid = plan.columns["split"].count("valid")
    return PairsReport(len(plan.columns["source"]), valid, len(plan.photos), plan.refused)


def write_pairs(
    out: StageWriter,
    plan: PairPlan,
    settings: PairSettings,
    groups: Sequence[Written],
    tiles: Rows[Written],
    after: Callable[[Written], None] | None = None,
) -> None:
    """Write all that a stage of pairs holds: columns, the tiles of all groups, their scores."""
    sides = {"hr": settings.tile, "lr": settings.tile // settings.scale}
    total = len(plan.columns["source"])
    shapes = {side: (total, pixels, pixels, 3) for side, pixels in sides.items()}
    every = PAIR_COLUMNS | CAMERA_PAIR_COLUMNS | IMPORTED_PAIR_COLUMNS
    if settings.kernels == "lens":
        every |= LENS_PAIR_COLUMNS
    out.columns({name: every[name] for name in plan.columns}, plan.columns)
    per_chunk = tiles_per_chunk(settings.tile)
    scores = out.tiles(
        shapes,
        per_chunk,
        groups,
        tiles,
        "pairs",
        after=after,
        measure=_scores_of_hr,
        measured=tuple(SCORE_COLUMNS),
    )
    out.columns(SCORE_COLUMNS, scores)


def _scores_of_hr(row: tuple[U8, ...]) -> Mapping[str, float]:
    return scores_of(row[0], most=OF_TILE)


def rebuild_pairs(store: Store, client: Client, group: str, chunks: Sequence[int]) -> None:
    """Make chosen chunks of finished pairs anew, from the same photos and settings.

    Raises:
        StoreError: A photo is gone or changed, or the pairs were made from other inputs.
    """
    scale = scale_of(group)
    check_pairs_current(store, scale)
    settings = PairSettings(**store.stages()[group]["parameters"])
    per_chunk = store.pairs(scale).hr.per_chunk
    plan = _planned(store, settings)[1]
    tiles = partial(_tiles, _Making(store.location, settings))
    raw = RawArrays(store.location, group, ("hr", "lr"))
    rewrite(client, raw, pair_rows(plan, per_chunk, chunks), tiles)


def _inputs(store: Store, settings: PairSettings) -> tuple[StageIdentity, I64, int]:
    """Return the stage's identity, the rows of accepted kernels and the number of patches."""
    inputs, accepted = pair_inputs(store, settings), np.array([-1])
    if settings.degradation == "camera":
        return StageIdentity(STAGE, settings.model_dump(), inputs), np.array([BY_CAMERA]), 0
    if settings.kernels == "estimated":
        kernels = store.kernels(settings.scale)
        accepted = np.flatnonzero(kernels.accepted)
        if settings.kernel_jitter:
            jittered(store, settings.scale)
        if not len(accepted):
            raise NothingToDo(
                f"{store.location}: none of {len(kernels.accepted)} kernels was accepted (the "
                f"first because: {kernels.reason[0]}); estimate them from other photos, or pass "
                "--kernels bicubic"
            )
    patches = 0
    if settings.kernels == "lens":
        accepted = np.array([BY_LENS])
    if settings.bake_noise:
        noise = store.noise()
        patches = len(noise.patches)
        side, needed = noise.patches.shape[1], settings.tile // settings.scale
        if side < needed:
            raise SettingsError(
                f"--bake-noise: the bank's patches of {side} pixels are smaller than LR tiles of "
                f"{needed}; mine larger ones (degrade mine-noise --patch {needed}) or use "
                f"--tile {side * settings.scale}"
            )
    return StageIdentity(STAGE, settings.model_dump(), inputs), accepted, patches


def _planned(store: Store, settings: PairSettings) -> tuple[StageIdentity, PairPlan]:
    """Return the stage's identity, and all pairs with every draw made."""
    identity, accepted, patches = _inputs(store, settings)
    bank = store.camera() if settings.degradation == "camera" else None
    cameras = None if bank is not None else _cameras(store, settings)
    return identity, plan_pairs(store.sources(), settings, accepted, patches, bank, cameras)


def _cameras(store: Store, settings: PairSettings) -> CamerasOfPhotos | None:
    """Return the kernels and noise of each photo's camera, where there are several."""
    kernels = store.kernels(settings.scale) if settings.kernels == "estimated" else None
    own = {} if kernels is None else _own_kernels(kernels)
    noise = noise_of_kernels(store, kernels) if settings.bake_noise else None
    if not own and (noise is None or not noise.several):
        return None
    return CamerasOfPhotos(own, None if noise is None else noise.rows)


def _own_kernels(kernels: Kernels) -> dict[int, I64]:
    """Return the accepted kernels of each photo's camera, by the photo's row."""
    groups, good = groups_of(kernels), kernels.accepted
    if groups is None:
        return {}
    rows = {name: np.flatnonzero(good & (kernels.photo_group == name)) for name in groups.names}
    return {row: rows[name] for row, name in groups.of.items() if len(rows[name])}


def _drop(settings: PairSettings, cache: PhotoCache, rows: PairRows) -> None:
    rows.drop_finished(lambda photo: hr_measure(settings, photo.domain), cache)


@dataclass(frozen=True)
class _Making:
    """What all tasks make tiles by."""

    location: str
    settings: PairSettings
    cache: PhotoCache = NO_CACHE
    previous: PreviousResults = NO_PREVIOUS

    def before(self, name: str, photo: Photo) -> U8 | None:
        """Return a photo's tiles as they were before; None if they are not known."""
        return self.previous.rows(name, photo, hr_measure(self.settings, photo.domain))

    def scores(self, photo: Photo) -> list[dict[str, float]] | None:
        """Return the scores of a photo's HR tiles as they were before, likewise."""
        measure = hr_measure(self.settings, photo.domain)
        found = self.previous.columns(tuple(SCORE_COLUMNS), photo, measure)
        if found is None:
            return None
        values = zip(*(column.tolist() for column in found.values()), strict=True)
        return [dict(zip(found, row, strict=True)) for row in values]

    def made_by(self, photo: Photo) -> str:
        """Return what a photo's LR followed from before; empty if it is not known."""
        known = self.previous.find(photo, hr_measure(self.settings, photo.domain), ("made_by",))
        return "" if known is None else str(known["made_by"])


def _made_by(
    store: Store, settings: PairSettings, identity: StageIdentity, plan: PairPlan
) -> dict[int, str]:
    """Name all that each photo's LR follows from beside the photo, by the photo's row."""
    by_all = settings.degradation == "camera" or settings.bake_noise or settings.kernel_jitter
    by_all = by_all or settings.kernels == "lens"
    asked = json.dumps([settings.model_dump(mode="json"), dict(identity.inputs) if by_all else {}])
    kernels = np.array([plan.columns["kernel"][row] for row in plan.first_row[:-1]], np.int64)
    digests: dict[int, str] = {}
    drawn = np.unique(kernels)
    for some in np.split(drawn, np.arange(_KERNELS, len(drawn), _KERNELS)):
        weights: npt.NDArray[Any] = np.zeros((len(some), 0))
        if settings.degradation == "linear" and settings.kernels == "estimated":
            weights = store.kernel_weights(settings.scale, some.tolist())
        for row, kernel in zip(some.tolist(), weights, strict=True):
            digests[row] = hashlib.sha256(asked.encode() + kernel.tobytes()).hexdigest()
    return {p.row: digests[row] for p, row in zip(plan.photos, kernels.tolist(), strict=True)}


def _save_made_by(by: _Making, plan: PairPlan, made_by: Mapping[int, str]) -> None:
    """Leave for the next making what the tiles of each photo followed from."""
    keys = [key_of(photo, hr_measure(by.settings, photo.domain)) for photo in plan.photos]
    found = [{"made_by": np.array(made_by[photo.row])} for photo in plan.photos]
    save_results(by.previous, 0, keys, found, np.diff(plan.first_row).tolist())


def _tiles(by: _Making, rows: PairRows) -> Iterator[tuple[U8, ...] | MeasuredRow]:
    """Yield HR and LR tiles in row order, those that are what they were as they were."""
    settings, store = by.settings, open_store(by.location)
    is_linear = settings.degradation == "linear"
    degraded = _linear(by, store, rows.kernels) if is_linear else _taken(by, store.camera())
    made_by = rows.made_by or ("",) * len(rows.photos)
    for number, (span, now) in enumerate(zip(rows.photos, made_by, strict=True)):
        hr, lr = by.before("hr", span.photo), None
        if hr is not None and now and by.made_by(span.photo) == now:
            lr = by.before("lr", span.photo)
        if hr is not None and lr is not None:
            made: Iterator[tuple[U8, U8]] = zip(hr[rows.own(span)], lr[rows.own(span)], strict=True)
        else:
            made = _cut(_whole_hr(by, span.photo, hr), number, span, rows, settings, degraded)
        scores = by.scores(span.photo) if hr is not None else None
        yield from made if scores is None else map(MeasuredRow, made, scores[rows.own(span)])


def _cut(
    hr: U8,
    number: int,
    span: PhotoRows,
    rows: PairRows,
    settings: PairSettings,
    degraded: "Degraded",
) -> Iterator[tuple[U8, U8]]:
    """Yield the tiles of an HR image that are among some rows, and the LR of each."""
    tiles = degraded(number, span.photo, hr)
    for row, col in tile_grid(hr.shape[0], hr.shape[1], settings.tile)[rows.own(span)]:
        yield hr[row : row + settings.tile, col : col + settings.tile], tiles(row, col)


def _whole_hr(by: _Making, photo: Photo, tiles: U8 | None) -> U8:
    """Return a photo's HR image: put together from its tiles, which cover it, or decoded."""
    settings, measure = by.settings, hr_measure(by.settings, photo.domain)
    if tiles is None:
        return by.cache.get(photo, measure)["hr"].astype(np.uint8, copy=False)
    height, width = hr_size(photo.height, photo.width, measure.cleanup, measure.scale)
    whole = np.empty((height, width, 3), np.uint8)
    for (row, col), tile in zip(tile_grid(height, width, settings.tile), tiles, strict=True):
        whole[row : row + settings.tile, col : col + settings.tile] = tile
    return whole


Degraded = Callable[[int, Photo, U8], Callable[[int, int], U8]]
"""Takes a photo's number in a task, the photo and its HR, and returns a function that gives the LR
tile at each place of an HR tile."""


def _taken(by: _Making, bank: CameraSamples) -> Degraded:
    """Let cameras photograph HR, tile by tile."""
    settings = by.settings

    def of_photo(number: int, photo: Photo, hr: U8) -> Callable[[int, int], U8]:
        def tile(row: int, col: int) -> U8:
            rng = camera_draw(settings, photo, row, col)
            return taken_tile(hr, (row, col), settings.tile, settings.scale, bank, rng)[1]

        return tile

    return of_photo


def _noise(store: Store, settings: PairSettings) -> NoiseOfKernels:
    estimated = settings.kernels == "estimated"
    return noise_of_kernels(store, store.kernels(settings.scale) if estimated else None)


def _linear(by: _Making, store: Store, rows: Sequence[int]) -> Degraded:
    """Degrade the whole of HR by its photo's kernel, and add noise tile by tile."""
    settings = by.settings
    scale, side = settings.scale, settings.tile // settings.scale
    kernels = store.kernel_weights(scale, rows) if settings.kernels == "estimated" else None
    posterior = jittered(store, scale) if settings.kernel_jitter else None
    lens = store.lens(scale) if settings.kernels == "lens" else None
    noise = _noise(store, settings) if settings.bake_noise else None
    model = model_of(settings.noise_model)

    def of_photo(number: int, photo: Photo, hr: U8) -> Callable[[int, int], U8]:
        weights = None if kernels is None else kernels[number]
        if posterior is not None:
            weights = posterior(rows[number], stream(settings.seed, "kernel-jitter", photo.sha256))
        if lens is not None:
            weights = lens.mean  # of what is left of noise; LR has the kernels of each place
        lr = degrade(hr, weights, scale) if lens is None else degrade_by_lens(hr, lens, scale)
        left = 0.0
        bank = None if noise is None else noise.of(rows[number], photo.row)
        if bank is not None and model.of_sensor and photo.domain == "source":
            left = share_left(bank.sensor.autocorrelation, weights, scale, settings.cleanup)

        def tile(row: int, col: int) -> U8:
            small = lr[row // scale :, col // scale :][:side, :side]
            if bank is not None:
                draw = noise_draw(settings, photo, row, col)
                small = model.inject(small, bank, draw, left)
            return to_uint8(small)

        return tile

    return of_photo
