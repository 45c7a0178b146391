"""Stage `verify`: compare every chunk of a store with its checksum, and rebuild what is damaged."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr

from degrade.errors import StoreError
from degrade.store.backend import find_group, local_path, open_for_writing, writing, zarr_store
from degrade.store.raw import damaged_chunks
from degrade.store.reader import Store, open_store
from degrade.store.schema import CHECKSUM_SUFFIX, FORMAT, VERSION, chunk_file
from degrade.store.stages import content_hash
from degrade.store.task_results import TaskResults
from degrade.store.writer import sweep
from pipelines.execution.cluster import Client
from pipelines.execution.progress import track
from pipelines.execution.streaming import stream
from pipelines.stage_table import STAGES

CHUNKS_PER_TASK = 64


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it was written.

    Attributes:
        group: The stage's group.
        array: The array.
        chunk: Index of a raw tile array's chunk; -1 is the whole of a small array.
        axes: Of the array.
    """

    group: str
    array: str
    chunk: int
    axes: int = 4

    def __str__(self) -> str:
        """Name it as a path in the store."""
        tail = f"/{chunk_file(self.chunk, self.axes)}" if self.chunk >= 0 else ""
        return f"{self.group}/{self.array}{tail}"


@dataclass(frozen=True)
class VerifyReport:
    """What was read, what is damaged, and what of it was rebuilt."""

    chunks: int
    damaged: tuple[str, ...]
    repaired: tuple[str, ...]
    unfinished: tuple[str, ...]


@dataclass(frozen=True)
class _Task:
    location: str
    group: str
    array: str
    first: int
    checksums: tuple[int, ...]
    axes: int


def verify(location: str, client: Client, *, repair: bool = False) -> VerifyReport:
    """Read every chunk of a store and compare it with its checksum.

    Args:
        location: The store.
        client: Where to run.
        repair: Make damaged tiles anew from the photos, and only those; each must then have the
            checksum it had before. Stages of which anything else is damaged are opened again, for
            their commands to make that anew.

    Raises:
        StoreError: The photo of a damaged tile is gone.
    """
    metadata = damaged_metadata(location)
    if metadata and not repair:
        return VerifyReport(0, tuple(metadata), (), ())
    remove_damaged_metadata(location)
    store = open_store(location)
    stages = store.stages()
    complete = [group for group, stage in stages.items() if stage["complete"]]
    if repair:
        for group in complete:
            sweep(location, group)  # of a repair that was killed
            TaskResults(location, group).settle()
    small = [damage for group in complete for damage in _small_arrays(store, group)]
    unreadable = {damage.group for damage in small}
    tasks = [task for group in complete if group not in unreadable for task in _tasks(store, group)]
    chunks = sum(len(task.checksums) for task in tasks)
    tiles: list[Damage] = []
    with track("verify", chunks, "chunks") as counter:
        for size, found in stream(client, _check, tasks):
            counter.advance(size)
            tiles += found
    repaired = _repair(store, client, tiles) if repair else []
    if repair:
        for group in unreadable:
            reopen_stage(location, group)
    damaged = sorted([*metadata, *(str(damage) for damage in [*small, *tiles])])
    unfinished = tuple(g for g, stage in store.stages().items() if not stage["complete"])
    return VerifyReport(chunks, tuple(damaged), tuple(map(str, repaired)), unfinished)


def _small_arrays(store: Store, group: str) -> Iterable[Damage]:
    """Read the arrays whose codecs check themselves."""
    names = store.stages()[group]["arrays"]
    for name in names:
        if name.endswith(CHECKSUM_SUFFIX) and name.removesuffix(CHECKSUM_SUFFIX) not in names:
            yield Damage(group, name.removesuffix(CHECKSUM_SUFFIX), -1)
            return
        try:
            array = store.root[f"{group}/{name}"]
            if isinstance(array, zarr.Array) and array.compressors:
                np.asarray(array[...])
        except (ValueError, RuntimeError, OSError, KeyError):
            yield Damage(group, name, -1)
            return
    # Zarr reads a chunk that is gone as zeros; the hash of all small arrays shows it.
    found = store.root[group]
    if isinstance(found, zarr.Group) and content_hash(found) != found.attrs["content"]:
        yield Damage(group, "arrays other than tiles", -1)


def _tasks(store: Store, group: str) -> list[_Task]:
    tasks = []
    shapes = store.stages()[group]["arrays"]
    for name in shapes:
        if not name.endswith(CHECKSUM_SUFFIX):
            continue
        sums = np.asarray(store.root[f"{group}/{name}"][...])  # type: ignore[index]
        raw = name.removesuffix(CHECKSUM_SUFFIX)
        for first in range(0, len(sums), CHUNKS_PER_TASK):
            part = tuple(int(value) for value in sums[first : first + CHUNKS_PER_TASK])
            tasks.append(_Task(store.location, group, raw, first, part, len(shapes[raw])))
    return tasks


def _check(task: _Task) -> tuple[int, list[Damage]]:
    chunks = damaged_chunks(task.location, task.group, task.array, task.checksums, task.first)
    return len(task.checksums), [
        Damage(task.group, task.array, chunk, task.axes) for chunk in chunks
    ]


def _repair(store: Store, client: Client, damaged: list[Damage]) -> list[Damage]:
    """Rebuild damaged chunks of tiles and check that they are what they were."""
    repaired: list[Damage] = []
    stages = store.stages()
    for stage in STAGES:  # in order: noise may be baked into pairs, references are copies of them
        for group in stage.groups(stages):
            mine = [d for d in damaged if d.group == group and d.array in stage.tiles]
            if mine:
                rebuild = stage.rebuild[stages[group]["stage"]]
                rebuild(store, client, group, sorted({damage.chunk for damage in mine}))
                repaired += mine
    for task in (task for group in {d.group for d in repaired} for task in _tasks(store, group)):
        still = _check(task)[1]
        if still:
            raise StoreError(
                f"{store.location}/{still[0]}: was rebuilt and still differs from its checksum; "
                "the software or the photos changed: run its stage again with --overwrite"
            )
    return repaired


def damaged_metadata(location: str) -> list[str]:
    """Return the metadata files, relative to a store, that are not whole.

    A server keeps whole objects only: remote stores have none.
    """
    folder = local_path(location)
    if folder is None:
        return []
    levels = ("zarr.json", "*/zarr.json", "*/*/zarr.json", "*/*/*/zarr.json")
    paths = [path for level in levels for path in folder.glob(level)]
    return sorted(str(path.relative_to(folder)) for path in paths if not _is_whole(path))


def _is_whole(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def remove_damaged_metadata(location: str) -> None:
    """Delete damaged metadata, and open the stages again that it belonged to.

    What says only that a group is there is written anew. A stage's own is for its command to
    write, which then makes the stage's missing files again, and with them the same bytes.
    """
    folder = local_path(location)
    names = damaged_metadata(location)
    if folder is None or not names:
        return
    if "zarr.json" in names:
        (folder / "zarr.json").unlink()
        attributes = {"format": FORMAT, "version": VERSION}
        with writing(location):
            zarr.create_group(zarr_store(location), attributes=attributes, zarr_format=3)
    groups = [name.rsplit("/", 1)[0] for name in names if name != "zarr.json"]
    # A stage is opened again before a file of it is missing: a kill between is then harmless.
    for group in groups:
        if "/" in group:
            reopen_stage(location, group.rsplit("/", 1)[0])
    for group in groups:
        (folder / group / "zarr.json").unlink()
        if any((folder / group).glob("x*/")):  # what holds a group for each scale
            with writing(location):
                open_for_writing(location).create_group(group)


def reopen_stage(location: str, group: str) -> None:
    """Mark a complete stage as unfinished, so that its command makes it again."""
    if f"{group}/zarr.json" in damaged_metadata(location):
        return
    found = find_group(open_for_writing(location), group)
    if found is not None and found.attrs.get("complete"):
        with writing(location):
            found.attrs.update({"complete": False})
