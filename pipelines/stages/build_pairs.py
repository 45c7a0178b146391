"""Stage `build-pairs`: photos and kernels to HR/LR tiles with their provenance."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from degrade.arrays import I64, U8
from degrade.camera.crops import Bank, taken_tile
from degrade.degradation import degrade, to_uint8
from degrade.errors import NothingToDo, SettingsError
from degrade.noise.injection import inject_drawn
from degrade.noise.leftover import share_left
from degrade.pairs import PairSettings, tile_grid
from degrade.store.contents import Sources
from degrade.store.raw import RawArrays
from degrade.store.reader import Store, check_current, open_store
from degrade.store.schema import BY_CAMERA, CAMERA_PAIR_COLUMNS, PAIR_COLUMNS, pairs_group
from degrade.store.stages import StageIdentity
from degrade.store.writer import tiles_per_chunk
from pipelines.client import Client
from pipelines.pair_plan import (
    IMPORT_PAIRS,
    PairPlan,
    PairRows,
    camera_draw,
    draw_noise,
    pair_domains,
    pair_rows,
    plan_pairs,
    wanted_hr,
)
from pipelines.photos import Photo
from pipelines.stage import scale_of
from pipelines.stages.scan import photos_digest
from pipelines.visits import NO_VISITS, Visits
from pipelines.workspace import Out, Rows, Written, begin, rewrite

STAGE = "build-pairs"


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
    visits: Visits = NO_VISITS,
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
            groups = pair_rows(plan, tiles_per_chunk(settings.tile))
            tiles = partial(_tiles, _Making(location, settings, plan.patches, visits))
            write_pairs(out, plan, settings, groups, tiles, partial(_drop, settings, visits))
            out.results["refused"] = [list(row) for row in plan.refused]
    valid = plan.columns["split"].count("valid")
    return PairsReport(len(plan.columns["source"]), valid, len(plan.photos), plan.refused)


def write_pairs(
    out: Out,
    plan: PairPlan,
    settings: PairSettings,
    groups: Sequence[Written],
    tiles: Rows[Written],
    after: Callable[[Written], None] | None = None,
) -> None:
    """Write all that a stage of pairs holds: their columns, and the tiles of all groups."""
    sides = {"hr": settings.tile, "lr": settings.tile // settings.scale}
    total = len(plan.columns["source"])
    shapes = {side: (total, pixels, pixels, 3) for side, pixels in sides.items()}
    out.columns(
        PAIR_COLUMNS | (CAMERA_PAIR_COLUMNS if "camera" in plan.columns else {}), plan.columns
    )
    per_chunk = tiles_per_chunk(settings.tile)
    out.tiles(shapes, per_chunk, groups, tiles, "pairs", after=after)


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
    tiles = partial(_tiles, _Making(store.location, settings, plan.patches))
    raw = RawArrays(store.location, group, ("hr", "lr"))
    rewrite(client, raw, pair_rows(plan, per_chunk, chunks), tiles)


def check_pairs_current(store: Store, scale: int) -> None:
    """Refuse pairs whose photos, kernels or noise are no longer what they were made from."""
    group = pairs_group(scale)
    stage = store.stages()[group]
    if stage["stage"] == IMPORT_PAIRS:
        # Their LR is in no other stage; whether its files changed, only `degrade import` can tell.
        inputs = {**stage["inputs"], "photos": store.sources().content}
        return check_current(store, group, inputs)
    settings = PairSettings(**stage["parameters"])
    check_current(store, group, _inputs(store, store.sources(), settings)[0].inputs)


def _inputs(
    store: Store, sources: Sources, settings: PairSettings
) -> tuple[StageIdentity, I64, int]:
    """Return the stage's identity, the rows of accepted kernels and the number of patches."""
    inputs = {f"{d} photos": photos_digest(sources, d) for d in pair_domains(sources, settings)}
    accepted = np.array([-1])
    if settings.degradation == "camera":
        inputs["camera"] = store.camera().content
        return StageIdentity(STAGE, settings.model_dump(), inputs), np.array([BY_CAMERA]), 0
    if settings.kernels == "estimated":
        kernels = store.kernels(settings.scale)
        inputs["kernels"] = kernels.content
        accepted = np.flatnonzero(kernels.accepted)
        if not len(accepted):
            raise NothingToDo(
                f"{store.location}: none of {len(kernels.accepted)} kernels was accepted (the "
                f"first because: {kernels.reason[0]}); estimate them from other photos, or pass "
                "--kernels bicubic"
            )
    patches = 0
    if settings.bake_noise:
        noise = store.noise()
        inputs["noise"] = noise.content
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
    sources = store.sources()
    identity, accepted, patches = _inputs(store, sources, settings)
    bank = store.camera() if settings.degradation == "camera" else None
    return identity, plan_pairs(sources, settings, accepted, patches, bank)


def _drop(settings: PairSettings, visits: Visits, rows: PairRows) -> None:
    rows.alone(lambda photo: wanted_hr(settings, photo.domain), visits)


@dataclass(frozen=True)
class _Making:
    """What all tasks make tiles by."""

    location: str
    settings: PairSettings
    patches: int
    visits: Visits = NO_VISITS


def _tiles(by: _Making, rows: PairRows) -> Iterator[tuple[U8, U8]]:
    """Yield HR and LR tiles in row order."""
    settings, store = by.settings, open_store(by.location)
    is_linear = settings.degradation == "linear"
    degraded = _linear(by, store, rows.kernels) if is_linear else _taken(by, store.camera())
    for number, span in enumerate(rows.photos):
        left = by.visits.find(span.photo, wanted_hr(settings, span.photo.domain))
        hr = left["hr"].astype(np.uint8, copy=False)
        tiles = degraded(number, span.photo, hr)
        for row, col in tile_grid(hr.shape[0], hr.shape[1], settings.tile)[rows.own(span)]:
            yield hr[row : row + settings.tile, col : col + settings.tile], tiles(row, col)


Degraded = Callable[[int, Photo, U8], Callable[[int, int], U8]]
"""From a photo, its number in a task, and its HR to what gives the LR tile of each HR tile."""


def _taken(by: _Making, bank: Bank) -> Degraded:
    """Let cameras photograph HR, tile by tile."""
    settings = by.settings

    def of_photo(number: int, photo: Photo, hr: U8) -> Callable[[int, int], U8]:
        def tile(row: int, col: int) -> U8:
            rng = camera_draw(settings, photo, row, col)
            return taken_tile(hr, (row, col), settings.tile, settings.scale, bank, rng)[1]

        return tile

    return of_photo


def _linear(by: _Making, store: Store, rows: Sequence[int]) -> Degraded:
    """Degrade the whole of HR by its photo's kernel, and add noise tile by tile."""
    settings = by.settings
    scale, side = settings.scale, settings.tile // settings.scale
    kernels = store.kernel_weights(scale, rows) if settings.kernels == "estimated" else None
    bank = store.noise() if settings.bake_noise else None

    def of_photo(number: int, photo: Photo, hr: U8) -> Callable[[int, int], U8]:
        weights = None if kernels is None else kernels[number]
        lr, left = degrade(hr, weights, scale), 0.0
        if bank is not None and settings.noise_model != "patch" and photo.domain == "source":
            left = share_left(bank.sensor.autocorrelation, weights, scale, settings.cleanup)

        def tile(row: int, col: int) -> U8:
            small = lr[row // scale :, col // scale :][:side, :side]
            if bank is not None:
                patch, rng = draw_noise(settings, photo, row, col, by.patches)
                small = inject_drawn(settings.noise_model, small, bank, patch, rng, left)
            return to_uint8(small)

        return tile

    return of_photo
