"""Writing planned pairs: whole chunks of tiles by tasks, and the checksums they leave."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from degrade.arrays import U8
from degrade.pairs import PairSettings
from degrade.store.parts import Arrays
from degrade.store.schema import CAMERA_PAIR_COLUMNS, PAIR_COLUMNS, pairs_group
from degrade.store.writer import (
    create_tiles,
    damaged_chunks,
    open_tiles,
    tiles_per_chunk,
    write_checksums,
    write_chunk,
    write_columns,
)
from pipelines.client import Client
from pipelines.pair_plan import PairPlan, PairTask
from pipelines.parted import Tally, read_parts, run_parts

Task = TypeVar("Task", bound=PairTask)


def write_pairs(
    location: str,
    client: Client,
    plan: PairPlan,
    settings: PairSettings,
    tasks: Sequence[Task],
    function: Callable[[Task], Tally],
    *,
    name: str,
) -> None:
    """Write all that a stage of pairs holds, going on where a killed run stopped.

    Args:
        location: The store, in which the stage was begun.
        client: Where to run.
        plan: All pairs.
        settings: Scale and tile.
        tasks: Of all pairs.
        function: Saves what `write_chunks` returns as its task's part.
        name: The stage.
    """
    group, total = pairs_group(settings.scale), len(plan.columns["source"])
    for side, pixels in (("hr", settings.tile), ("lr", settings.tile // settings.scale)):
        shape = (total, pixels, pixels, 3)
        create_tiles(location, group, side, shape, tiles_per_chunk(settings.tile))
    columns = PAIR_COLUMNS | (CAMERA_PAIR_COLUMNS if "camera" in plan.columns else {})
    write_columns(location, group, columns, plan.columns)
    run_parts(
        client, location, group, tasks, function, unit="pairs", name=name, is_intact=_is_intact
    )
    parts = list(read_parts(location, group, len(tasks)))
    for side in ("hr", "lr"):
        sums = np.concatenate([part[side] for part in parts])
        write_checksums(location, group, side, sums)


def write_chunks(task: PairTask, tiles: Iterable[tuple[U8, U8]]) -> Arrays:
    """Write the chunks of one task, holding one of each array; return their checksums.

    Args:
        task: Whole chunks.
        tiles: Its HR and LR tiles in row order.
    """
    group = pairs_group(task.settings.scale)
    hr_array, lr_array = (open_tiles(task.location, group, name) for name in ("hr", "lr"))
    per_chunk = task.per_chunk
    hr_sums: list[int] = []
    lr_sums: list[int] = []
    hr_tiles: list[U8] = []
    lr_tiles: list[U8] = []
    chunk = task.first // per_chunk
    remaining = task.items
    for hr, lr in tiles:
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
