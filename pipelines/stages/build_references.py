"""Stage `build-references`: for every pair the tiles that show the same things."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from degrade.errors import NothingToDo
from degrade.images.decode import DecodePolicy
from degrade.images.write import write_png
from degrade.pictures import Cell, enlarge, sheet
from degrade.references import ReferenceSettings
from degrade.store.parts import Arrays, save_part
from degrade.store.reader import Store, check_current, open_store
from degrade.store.schema import reference_columns, references_group
from degrade.store.stages import StageIdentity, begin_stage, discard_stage, finish_stage
from degrade.store.writer import (
    create_tiles,
    damaged_chunks,
    tiles_per_chunk,
    write_checksums,
    write_columns,
    write_tiles,
)
from pipelines.client import Client
from pipelines.parted import Tally, read_parts, run_parts
from pipelines.reference_library import Library, build_library, whole_folder
from pipelines.reference_search import (
    TILES_PER_TASK,
    TilesTask,
    candidate_tiles,
    describe,
    has_words,
    search,
)

PICTURED, PICTURE_SIDE = 8, 128
"""Pairs in a picture, and its tiles' side in pixels."""


@dataclass(frozen=True)
class ReferencesReport:
    """What was found: pairs with a verified reference, and the matches of the best on average."""

    pairs: int
    count: int
    verified: int
    """Pairs whose first reference has verified matches."""
    mean_matches: float
    """Verified matches of the first reference, averaged over all pairs."""
    refused: tuple[tuple[str, str], ...]
    """Files of the library that were not used, with the reason."""


def build_references(
    location: str,
    client: Client,
    settings: ReferenceSettings,
    library: Path | None = None,
    *,
    overwrite: bool = False,
) -> ReferencesReport:
    """Find references for every pair among the HR tiles, or in a library of photos beside them.

    Time grows with the tiles N as ``a N + b N candidates + c N^2``: local features (25 ms a tile
    of 256 pixels), verification (1 ms a candidate) and the sparse product that picks candidates
    (2 microseconds for a pair of tiles).

    Raises:
        NothingToDo: Some pair has fewer permitted tiles than references are asked for.
        StoreError: There are no pairs, or the references were begun with other settings.
    """
    given = whole_folder("library", library) if library is not None else None
    return make_references(location, client, settings, find_all, given, overwrite=overwrite)


Find = Callable[[TilesTask, Client, Mapping[str, str]], Arrays]
"""Returns the columns of references; takes a task of all tiles of the pairs, where to run, and the
library's refused photos with the reasons."""


def make_references(
    location: str,
    client: Client,
    settings: ReferenceSettings,
    find: Find,
    library: Library | None = None,
    *,
    refused: Sequence[tuple[str, str]] = (),
    overwrite: bool = False,
) -> ReferencesReport:
    """Run the stage: bring the library into the store, find references, copy their tiles.

    Args:
        location: The store; it has the pairs.
        client: Where to run.
        settings: Scale and number of references.
        find: Finds them.
        library: Photos beside the pairs.
        refused: Files left out before, with the reasons.
        overwrite: Replace references that were made otherwise.

    Raises:
        NothingToDo: As ``find``, or no photo of the library serves; the stage is undone.
        StoreError: There are no pairs, or the references were begun with other settings.
    """
    store = open_store(location)
    pairs, group = store.pairs(settings.scale), references_group(settings.scale)
    inputs = {"pairs": pairs.content}
    if library is not None:
        inputs[library.kind] = library.digest()
    identity = StageIdentity("build-references", settings.model_dump(), inputs)
    if begin_stage(location, group, identity, overwrite=overwrite) != "complete":
        left_out = list(refused)
        task = TilesTask(location, 0, 0, len(pairs.hr), settings, 0, str(identity))
        try:
            if library is not None:
                policy = DecodePolicy(**store.sources().policy)
                left_out += build_library(location, group, client, library, pairs.tile, policy)
            found = find(task, client, dict(left_out))
        except NothingToDo:
            discard_stage(location, group)
            raise
        _write_found(task, client, found)
        finish_stage(location, group, {"refused": [list(row) for row in left_out]})
    return report_of(location, settings.scale)


def find_all(
    pairs: TilesTask,
    client: Client,
    refused: Mapping[str, str],
    search: Callable[[TilesTask], Tally] = search,
) -> Arrays:
    """Describe all tiles, then search for each pair."""
    location, settings = pairs.location, pairs.settings
    group = references_group(settings.scale)
    tiles = len(candidate_tiles(location, settings.scale))
    parts = -(-tiles // TILES_PER_TASK)
    run_parts(
        client,
        location,
        f"{group}/features",
        _tasks(replace(pairs, last=tiles, feature_parts=parts), TILES_PER_TASK),
        describe,
        unit="tiles",
        name="local features",
        is_intact=has_words,
    )
    searches = _tasks(replace(pairs, feature_parts=parts), TILES_PER_TASK)
    run_parts(
        client, location, f"{group}/search", searches, search, unit="pairs", name="references"
    )
    found = list(read_parts(location, f"{group}/search", len(searches)))
    columns = reference_columns(settings.count)
    return {name: np.concatenate([part[name] for part in found]) for name in columns}


def _tasks(whole: TilesTask, size: int) -> list[TilesTask]:
    """Cut a task into tasks of so many tiles."""
    return [
        replace(whole, index=i, first=first, last=min(whole.last, first + size))
        for i, first in enumerate(range(0, whole.last, size))
    ]


def _write_found(pairs: TilesTask, client: Client, found: Arrays) -> None:
    """Write the columns of references that were found, and copy the tiles that they are."""
    location, settings = pairs.location, pairs.settings
    group = references_group(settings.scale)
    write_columns(location, group, reference_columns(settings.count), found)
    side = open_store(location).pairs(settings.scale).tile
    per_chunk = max(1, tiles_per_chunk(side) // settings.count)
    create_tiles(location, group, "hr", (pairs.items, settings.count, side, side, 3), per_chunk)
    copies = _tasks(pairs, per_chunk)
    run_parts(
        client,
        location,
        f"{group}/copies",
        copies,
        _copy,
        unit="pairs",
        name="build-references",
        is_intact=_is_intact,
    )
    sums = [int(part["hr"]) for part in read_parts(location, f"{group}/copies", len(copies))]
    write_checksums(location, group, "hr", sums)


def _copy(task: TilesTask) -> Tally:
    """Write one chunk of references."""
    group = references_group(task.settings.scale)
    checksum = _write_chunk(task.location, task.settings.scale, task.index, (task.first, task.last))
    save_part(task.location, f"{group}/copies", task.index, {"hr": np.uint32(checksum)})
    return Tally(task.items)


def _write_chunk(location: str, scale: int, chunk: int, rows: tuple[int, int]) -> int:
    group = references_group(scale)
    store, tiles = open_store(location), candidate_tiles(location, scale)
    pair = store.column(f"{group}/pair")[slice(*rows)]
    library = store.column(f"{group}/library_tile")[slice(*rows)]
    index = np.where(pair >= 0, pair, library + len(tiles.hr))
    copied = np.stack([np.stack([tiles[int(i)] for i in row]) for row in index])
    return write_tiles(location, group, "hr", chunk, copied)


def _is_intact(task: TilesTask, part: Arrays) -> bool:
    group = references_group(task.settings.scale)
    return not damaged_chunks(task.location, group, "hr", [int(part["hr"])], task.index)


def rebuild_references(location: str, scale: int, chunks: Sequence[int]) -> None:
    """Copy chosen chunks of finished references anew from the tiles that they are.

    Raises:
        StoreError: The pairs were made anew since.
    """
    store = open_store(location)
    references = store.references(scale)
    check_pairs(store, scale)
    per_chunk = references.hr.per_chunk // references.count
    for chunk in chunks:
        last = min((chunk + 1) * per_chunk, len(references.score))
        _write_chunk(location, scale, chunk, (chunk * per_chunk, last))


def check_pairs(store: Store, scale: int) -> None:
    """Refuse references of other pairs than the store holds now."""
    group = references_group(scale)
    inputs = dict(store.stages()[group]["inputs"])
    check_current(store, group, {**inputs, "pairs": store.pairs(scale).content})


def report_of(location: str, scale: int) -> ReferencesReport:
    """Return what a store's references are."""
    store = open_store(location)
    found = store.references(scale)
    best = found.score[:, 0]
    refused = store.stages()[references_group(scale)]["refused"]
    return ReferencesReport(
        pairs=len(best),
        count=found.count,
        verified=int((best > 0).sum()),
        mean_matches=float(best.mean()),
        refused=tuple((path, why) for path, why in refused),
    )


def picture_of(location: str, scale: int, path: Path) -> None:
    """Write a PNG of pairs spread over the store, each in a row with its references."""
    store = open_store(location)
    pairs, found = store.pairs(scale), store.references(scale)
    chosen = np.unique(np.linspace(0, len(pairs.hr) - 1, PICTURED).astype(int))
    cells = []
    for pair in chosen:
        cells.append(Cell(enlarge(pairs.hr.tile(int(pair)), PICTURE_SIDE), (f"pair {pair}",)))
        for rank in range(found.count):
            tile = found.hr.tile(int(pair) * found.count + rank)
            lines = (f"{found.score[pair, rank]:.0f} matches",)
            cells.append(Cell(enlarge(tile, PICTURE_SIDE), lines))
    write_png(path, sheet(f"pairs x{scale} and their references", cells, found.count + 1))
