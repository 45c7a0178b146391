"""Stage `build-pairs`: photos and kernels to HR/LR tiles with their provenance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from distributed import Client

from degrade.arrays import F32, I64, U8
from degrade.degradation import degrade, to_uint8
from degrade.errors import NothingToDo, SettingsError
from degrade.noise.injection import inject_by
from degrade.noise.leftover import share_left
from degrade.pairs import PairSettings, tile_grid
from degrade.store.contents import Sources
from degrade.store.parts import Arrays, save_part
from degrade.store.reader import Store, check_current, open_store
from degrade.store.schema import PAIR_COLUMNS, pairs_group
from degrade.store.stages import StageIdentity, begin_stage, finish_stage
from degrade.store.writer import (
    create_tiles,
    damaged_chunks,
    open_tiles,
    tiles_per_chunk,
    write_checksums,
    write_chunk,
    write_columns,
)
from pipelines import cluster
from pipelines.pair_plan import (
    PairTask,
    noise_draw,
    pair_domains,
    pair_task,
    pair_tasks,
    plan_pairs,
    wanted_hr,
)
from pipelines.parted import Tally, read_parts, run_parts
from pipelines.stages.scan import photos_digest
from pipelines.visits import NO_VISITS, Visits


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
    identity, accepted, patches = _inputs(store, sources, settings)
    group = pairs_group(settings.scale)
    plan = plan_pairs(sources, settings, accepted, patches)
    if begin_stage(location, group, identity, overwrite=overwrite) != "complete":
        total = len(plan.columns["source"])
        per_chunk = tiles_per_chunk(settings.tile)
        for name, side in (("hr", settings.tile), ("lr", settings.tile // settings.scale)):
            create_tiles(location, group, name, (total, side, side, 3), per_chunk)
        write_columns(location, group, PAIR_COLUMNS, plan.columns)
        tasks = pair_tasks(location, plan, settings, per_chunk, visits)
        run_parts(
            client,
            location,
            group,
            tasks,
            _build,
            unit="pairs",
            name="build-pairs",
            is_intact=_is_intact,
        )
        parts = list(read_parts(location, group, len(tasks)))
        for name in ("hr", "lr"):
            sums = np.concatenate([part[name] for part in parts])
            write_checksums(location, group, name, sums)
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
    identity, accepted, patches = _inputs(store, sources, settings)
    check_current(store, group, identity.inputs)
    plan = plan_pairs(sources, settings, accepted, patches)
    size, total = store.pairs(scale).hr.per_chunk, len(plan.columns["source"])
    tasks = [
        pair_task(
            location, plan, settings, size, chunk, (chunk * size, min(total, (chunk + 1) * size))
        )
        for chunk in chunks
    ]
    for _ in cluster.stream(client, _write_chunks, tasks):
        pass


def check_pairs_current(store: Store, scale: int) -> None:
    """Refuse pairs whose photos, kernels or noise are no longer what they were made from."""
    group = pairs_group(scale)
    settings = PairSettings(**store.stages()[group]["parameters"])
    check_current(store, group, _inputs(store, store.sources(), settings)[0].inputs)


def _inputs(
    store: Store, sources: Sources, settings: PairSettings
) -> tuple[StageIdentity, I64, int]:
    """Return the stage's identity, the rows of accepted kernels and the number of patches."""
    inputs = {f"{d} photos": photos_digest(sources, d) for d in pair_domains(sources, settings)}
    accepted = np.array([-1])
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
    return StageIdentity("build-pairs", settings.model_dump(), inputs), accepted, patches


def _build(task: PairTask) -> Tally:
    """Write the chunks of one task, and their checksums as its part."""
    save_part(task.location, pairs_group(task.settings.scale), task.index, _write_chunks(task))
    for photo in task.whole_photos():
        task.visits.drop(photo, wanted_hr(task.settings, photo.domain))
    return Tally(task.items)


def _write_chunks(task: PairTask) -> Arrays:
    """Write the chunks of one task, holding one photo and one chunk; return their checksums."""
    group = pairs_group(task.settings.scale)
    hr_array, lr_array = (open_tiles(task.location, group, name) for name in ("hr", "lr"))
    per_chunk = task.per_chunk
    hr_sums: list[int] = []
    lr_sums: list[int] = []
    hr_tiles: list[U8] = []
    lr_tiles: list[U8] = []
    chunk = task.first // per_chunk
    remaining = task.items
    for hr, lr in _tiles(task):
        hr_tiles.append(hr)
        lr_tiles.append(lr)
        remaining -= 1
        if len(hr_tiles) == per_chunk or not remaining:
            hr_sums.append(write_chunk(hr_array, chunk, np.stack(hr_tiles)))
            lr_sums.append(write_chunk(lr_array, chunk, np.stack(lr_tiles)))
            chunk += 1
            hr_tiles, lr_tiles = [], []
    return {"hr": np.array(hr_sums, np.uint32), "lr": np.array(lr_sums, np.uint32)}


def _is_intact(task: PairTask, part: Arrays) -> bool:
    """Return whether the chunks of a task that was done before are as it wrote them."""
    group, first = pairs_group(task.settings.scale), task.first // task.per_chunk
    return not any(
        damaged_chunks(task.location, group, name, part[name], first) for name in ("hr", "lr")
    )


def _tiles(task: PairTask) -> Iterator[tuple[U8, U8]]:
    """Yield the task's HR and LR tiles in row order."""
    settings = task.settings
    store = open_store(task.location)
    kernels = store.kernels(settings.scale).weights if settings.kernels == "estimated" else None
    bank = store.noise() if settings.bake_noise else None
    scale, side = settings.scale, settings.tile // settings.scale
    for photo, first_row, kernel in task.photos:
        hr = task.visits.find(photo, wanted_hr(settings, photo.domain))["hr"].astype(
            np.uint8, copy=False
        )
        weights: F32 | None = None if kernels is None else kernels[kernel]
        lr = degrade(hr, weights, scale)
        left = 0.0
        if bank is not None and settings.noise_model != "patch" and photo.domain == "source":
            left = share_left(bank.sensor.autocorrelation, weights, scale, settings.cleanup)
        grid = tile_grid(hr.shape[0], hr.shape[1], settings.tile)
        for row, col in grid[max(0, task.first - first_row) : task.last - first_row]:
            small = lr[row // scale :, col // scale :][:side, :side]
            if bank is not None:
                draw = noise_draw(settings, photo, row, col)
                small = inject_by(settings.noise_model, small, bank, draw, left)
            yield hr[row : row + settings.tile, col : col + settings.tile], to_uint8(small)
