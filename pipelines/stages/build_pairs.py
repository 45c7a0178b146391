"""Stage `build-pairs`: photos and kernels to HR/LR tiles with their provenance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from degrade.arrays import F32, I64, U8
from degrade.camera.crops import Bank, taken_tile
from degrade.degradation import degrade, to_uint8
from degrade.errors import NothingToDo, SettingsError
from degrade.noise.leftover import share_left
from degrade.noise.model_table import model_of
from degrade.pairs import PairSettings, tile_grid
from degrade.store.made_from import pair_inputs
from degrade.store.parts import Arrays, save_part
from degrade.store.reader import Store, check_current, open_store
from degrade.store.schema import BY_CAMERA, pairs_group
from degrade.store.stages import StageIdentity, begin_stage, finish_stage
from degrade.store.writer import tiles_per_chunk
from pipelines.client import Client
from pipelines.pair_chunks import write_chunks, write_pairs
from pipelines.pair_plan import (
    PairTask,
    camera_draw,
    chunk_tasks,
    noise_draw,
    pair_tasks,
    plan_pairs,
    wanted_hr,
)
from pipelines.parted import Tally
from pipelines.streaming import stream
from pipelines.visits import NO_VISITS, Visits

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
    sources = store.sources()
    identity, accepted, patches = _inputs(store, settings)
    group = pairs_group(settings.scale)
    plan = plan_pairs(sources, settings, accepted, patches, _bank(store, settings))
    if begin_stage(location, group, identity, overwrite=overwrite) != "complete":
        tasks = pair_tasks(location, plan, settings, tiles_per_chunk(settings.tile), visits)
        write_pairs(location, client, plan, settings, tasks, _build, name=STAGE)
        finish_stage(location, group, {"refused": [list(row) for row in plan.refused]})
    valid = plan.columns["split"].count("valid")
    return PairsReport(len(plan.columns["source"]), valid, len(plan.photos), plan.refused)


def rebuild_pairs(location: str, client: Client, scale: int, chunks: Sequence[int]) -> None:
    """Make chosen chunks of finished pairs anew, from the same photos and settings.

    Raises:
        StoreError: A photo is gone or changed, or the pairs were made from other inputs.
    """
    store = open_store(location)
    group = pairs_group(scale)
    settings = PairSettings(**store.stages()[group]["parameters"])
    sources = store.sources()
    identity, accepted, patches = _inputs(store, settings)
    check_current(store, group, identity.inputs)
    plan = plan_pairs(sources, settings, accepted, patches, _bank(store, settings))
    tasks = chunk_tasks(location, plan, settings, store.pairs(scale).hr.per_chunk, chunks)
    for _ in stream(client, _write, tasks):
        pass


def _inputs(store: Store, settings: PairSettings) -> tuple[StageIdentity, I64, int]:
    """Return the stage's identity, the rows of accepted kernels and the number of patches."""
    inputs, accepted = pair_inputs(store, settings), np.array([-1])
    if settings.degradation == "camera":
        return StageIdentity(STAGE, settings.model_dump(), inputs), np.array([BY_CAMERA]), 0
    if settings.kernels == "estimated":
        kernels = store.kernels(settings.scale)
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
        patches = len(noise.patches)
        side, needed = noise.patches.shape[1], settings.tile // settings.scale
        if side < needed:
            raise SettingsError(
                f"--bake-noise: the bank's patches of {side} pixels are smaller than LR tiles of "
                f"{needed}; mine larger ones (degrade mine-noise --patch {needed}) or use "
                f"--tile {side * settings.scale}"
            )
    return StageIdentity(STAGE, settings.model_dump(), inputs), accepted, patches


def _bank(store: Store, settings: PairSettings) -> Bank | None:
    return store.camera() if settings.degradation == "camera" else None


def _build(task: PairTask) -> Tally:
    """Write the chunks of one task, and their checksums as its part."""
    save_part(task.location, pairs_group(task.settings.scale), task.index, _write(task))
    for photo in task.whole_photos():
        task.visits.drop(photo, wanted_hr(task.settings, photo.domain))
    return Tally(task.items)


def _write(task: PairTask) -> Arrays:
    is_linear = task.settings.degradation == "linear"
    return write_chunks(task, _tiles(task) if is_linear else _taken(task))


def _taken(task: PairTask) -> Iterator[tuple[U8, U8]]:
    """Yield the task's HR tiles and a camera's photos of them, in row order."""
    settings, bank = task.settings, open_store(task.location).camera()
    for photo, first_row, _ in task.photos:
        hr = task.visits.find(photo, wanted_hr(settings, photo.domain))["hr"].astype(
            np.uint8, copy=False
        )
        grid = tile_grid(hr.shape[0], hr.shape[1], settings.tile)
        for row, col in grid[max(0, task.first - first_row) : task.last - first_row]:
            rng = camera_draw(settings, photo, row, col)
            yield taken_tile(hr, (row, col), settings.tile, settings.scale, bank, rng)


def _tiles(task: PairTask) -> Iterator[tuple[U8, U8]]:
    """Yield the task's HR and LR tiles in row order."""
    settings = task.settings
    store = open_store(task.location)
    kernels = store.kernels(settings.scale).weights if settings.kernels == "estimated" else None
    bank = store.noise() if settings.bake_noise else None
    scale, side = settings.scale, settings.tile // settings.scale
    model = model_of(settings.noise_model)
    for photo, first_row, kernel in task.photos:
        hr = task.visits.find(photo, wanted_hr(settings, photo.domain))["hr"].astype(
            np.uint8, copy=False
        )
        weights: F32 | None = None if kernels is None else kernels[kernel]
        lr = degrade(hr, weights, scale)
        left = 0.0
        if bank is not None and model.of_sensor and photo.domain == "source":
            left = share_left(bank.sensor.autocorrelation, weights, scale, settings.cleanup)
        grid = tile_grid(hr.shape[0], hr.shape[1], settings.tile)
        for row, col in grid[max(0, task.first - first_row) : task.last - first_row]:
            small = lr[row // scale :, col // scale :][:side, :side]
            if bank is not None:
                draw = noise_draw(settings, photo, row, col)
                small = model.inject(small, bank, draw, left)
            yield hr[row : row + settings.tile, col : col + settings.tile], to_uint8(small)
