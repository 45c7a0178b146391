"""Stage `build-pairs`: photos and kernels to HR/LR tiles with their provenance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
from distributed import Client

from degrade.arrays import F32, I64, U8
from degrade.degradation import degrade, to_uint8
from degrade.errors import NothingToDo, SettingsError
from degrade.noise.injection import inject
from degrade.pairs import PairSettings, hr_size, make_hr, tile_grid
from degrade.randomness import derive, stream
from degrade.store.parts import Arrays, save_part
from degrade.store.reader import Sources, Store, open_store
from degrade.store.schema import PAIR_COLUMNS, pairs_group
from degrade.store.stages import StageIdentity, begin_stage, finish_stage
from degrade.store.writer import (
    create_tiles,
    damaged_chunks,
    tiles_per_chunk,
    write_checksums,
    write_columns,
    write_tiles,
)
from pipelines.parted import Tally, read_parts, run_parts
from pipelines.photos import Photo, usable_photos
from pipelines.stages.scan import photos_digest

PHOTOS_PER_TASK = 16
"""At least so many: a photo whose tiles straddle two tasks is decoded by both."""


@dataclass(frozen=True)
class PairsReport:
    """What was built: pairs by split, and photos that were too small, with the reason."""

    pairs: int
    valid: int
    photos: int
    refused: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Plan:
    """All pairs before any is made: the photos used and a row of provenance per pair."""

    photos: tuple[Photo, ...]
    refused: tuple[tuple[str, str], ...]
    columns: dict[str, list[Any]]
    first_row: I64
    """Row of each photo's first pair, and the total at the end."""


@dataclass(frozen=True)
class _Task:
    location: str
    index: int
    first: int
    last: int
    photos: tuple[tuple[Photo, int, int], ...]
    """Photo, row of its first pair, its kernel."""
    settings: PairSettings
    per_chunk: int

    @property
    def items(self) -> int:
        return self.last - self.first


def build_pairs(
    location: str, client: Client, settings: PairSettings, *, overwrite: bool = False
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
    plan = _plan(sources, settings, accepted, patches)
    if begin_stage(location, group, identity, overwrite=overwrite) != "complete":
        total = len(plan.columns["source"])
        per_chunk = tiles_per_chunk(settings.tile)
        for name, side in (("hr", settings.tile), ("lr", settings.tile // settings.scale)):
            create_tiles(location, group, name, (total, side, side, 3), per_chunk)
        write_columns(location, group, PAIR_COLUMNS, plan.columns)
        tasks = _tasks(location, plan, settings, per_chunk)
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


def _inputs(
    store: Store, sources: Sources, settings: PairSettings
) -> tuple[StageIdentity, I64, int]:
    """Return the stage's identity, the rows of accepted kernels and the number of patches."""
    inputs = {f"{d} photos": photos_digest(sources, d) for d in sources.folders}
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


def _plan(sources: Sources, settings: PairSettings, accepted: I64, patches: int) -> _Plan:
    scanned = [photo for domain in sources.folders for photo in usable_photos(sources, domain)]
    fits = [min(_hr_size(photo, settings)) >= settings.tile for photo in scanned]
    photos = list(compress(scanned, fits))
    refused = tuple(
        _too_small(p, settings) for p, fit in zip(scanned, fits, strict=True) if not fit
    )
    if not photos:
        raise NothingToDo(_no_photo_fits(scanned, settings))
    valid = _validation(photos, settings)
    columns: dict[str, list[Any]] = {name: [] for name in PAIR_COLUMNS}
    first_row = [0]
    for photo in photos:
        kernel = stream(settings.seed, "kernel", photo.sha256).choice(accepted)
        split = "valid" if photo.sha256 in valid else "train"
        height, width = _hr_size(photo, settings)
        for row, col in tile_grid(height, width, settings.tile):
            noise = _noise_draw(settings, photo, row, col).integers(patches) if patches else -1
            values = (photo.row, row, col, int(kernel), int(noise), photo.domain, split)
            for name, value in zip(PAIR_COLUMNS, values, strict=True):
                columns[name].append(value)
        first_row.append(len(columns["source"]))
    return _Plan(tuple(photos), refused, columns, np.array(first_row))


def _hr_size(photo: Photo, settings: PairSettings) -> tuple[int, int]:
    return hr_size(photo.height, photo.width, _cleanup(photo, settings), settings.scale)


def _cleanup(photo: Photo, settings: PairSettings) -> int:
    return settings.cleanup if photo.domain == "source" else 1


def _too_small(photo: Photo, settings: PairSettings) -> tuple[str, str]:
    height, width = _hr_size(photo, settings)
    return photo.path, f"HR of {width}x{height} is smaller than a tile of {settings.tile}"


def _no_photo_fits(photos: Sequence[Photo], settings: PairSettings) -> str:
    sides = sorted(min(_hr_size(photo, settings)) for photo in photos)
    median = sides[len(sides) // 2] // settings.scale * settings.scale
    return (
        f"--tile {settings.tile}: no photo is that large after clean-up by {settings.cleanup} "
        f"(largest short side {sides[-1]}); --tile {median} would fit half of the {len(sides)} "
        "photos"
    )


def _validation(photos: Sequence[Photo], settings: PairSettings) -> set[str]:
    """Draw the photos kept for validation: at least one where a share is asked for."""
    count = round(len(photos) * settings.valid)
    if settings.valid > 0 and len(photos) > 1:
        count = max(1, count)
    order = sorted(photo.sha256 for photo in photos)
    return set(sorted(order, key=lambda sha: derive(settings.seed, "split", sha))[:count])


def _noise_draw(settings: PairSettings, photo: Photo, row: int, col: int) -> np.random.Generator:
    return stream(settings.seed, "noise", photo.sha256, row, col)


def _tasks(location: str, plan: _Plan, settings: PairSettings, per_chunk: int) -> list[_Task]:
    """Cut the rows into runs of whole chunks that each span enough photos."""
    total = int(plan.first_row[-1])
    average = max(1.0, total / len(plan.photos))
    rows = int(np.ceil(PHOTOS_PER_TASK * average / per_chunk)) * per_chunk
    tasks = []
    for index, first in enumerate(range(0, total, rows)):
        last = min(first + rows, total)
        begin = int(np.searchsorted(plan.first_row, first, side="right")) - 1
        end = int(np.searchsorted(plan.first_row, last, side="left"))
        starts = (int(start) for start in plan.first_row[begin:end])
        spans = tuple(
            (photo, start, plan.columns["kernel"][start])
            for photo, start in zip(plan.photos[begin:end], starts, strict=True)
        )
        tasks.append(_Task(location, index, first, last, spans, settings, per_chunk))
    return tasks


def _build(task: _Task) -> Tally:
    """Write the chunks of one task, holding one photo and one chunk at a time."""
    group = pairs_group(task.settings.scale)
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
            hr_sums.append(write_tiles(task.location, group, "hr", chunk, np.stack(hr_tiles)))
            lr_sums.append(write_tiles(task.location, group, "lr", chunk, np.stack(lr_tiles)))
            chunk += 1
            hr_tiles, lr_tiles = [], []
    checksums = {"hr": np.array(hr_sums, np.uint32), "lr": np.array(lr_sums, np.uint32)}
    save_part(task.location, group, task.index, checksums)
    return Tally(task.items)


def _is_intact(task: _Task, part: Arrays) -> bool:
    """Return whether the chunks of a task that was done before are as it wrote them."""
    group, first = pairs_group(task.settings.scale), task.first // task.per_chunk
    return not any(
        damaged_chunks(task.location, group, name, part[name], first) for name in ("hr", "lr")
    )


def _tiles(task: _Task) -> Iterator[tuple[U8, U8]]:
    """Yield the task's HR and LR tiles in row order."""
    settings = task.settings
    store = open_store(task.location)
    kernels = store.kernels(settings.scale).weights if settings.kernels == "estimated" else None
    bank = store.noise().patches if settings.bake_noise else None
    scale, side = settings.scale, settings.tile // settings.scale
    for photo, first_row, kernel in task.photos:
        hr = make_hr(photo.read(), _cleanup(photo, settings), scale)
        weights: F32 | None = None if kernels is None else kernels[kernel]
        lr = degrade(hr, weights, scale)
        grid = tile_grid(hr.shape[0], hr.shape[1], settings.tile)
        for row, col in grid[max(0, task.first - first_row) : task.last - first_row]:
            small = lr[row // scale :, col // scale :][:side, :side]
            if bank is not None:
                draw = _noise_draw(settings, photo, row, col)
                small = inject(small, bank.tile(int(draw.integers(len(bank)))), draw)
            yield hr[row : row + settings.tile, col : col + settings.tile], to_uint8(small)
