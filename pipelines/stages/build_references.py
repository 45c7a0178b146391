"""Stage `build-references`: for every pair the tiles that show the same things."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from distributed import Client

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
from pipelines.parted import Tally, read_parts, run_parts
from pipelines.reference_library import build_library, library_digest
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
    store = open_store(location)
    pairs = store.pairs(settings.scale)
    group = references_group(settings.scale)
    inputs = {"pairs": pairs.content}
    if library is not None:
        inputs["library"] = library_digest(library)
    identity = StageIdentity("build-references", settings.model_dump(), inputs)
    if begin_stage(location, group, identity, overwrite=overwrite) != "complete":
        refused: list[tuple[str, str]] = []
        if library is not None:
            policy = DecodePolicy(**store.sources().policy)
            refused = build_library(location, group, client, library, pairs.tile, policy)
        try:
            _find_all(store, client, settings, len(pairs.hr), str(identity))
        except NothingToDo:
            discard_stage(location, group)
            raise
        finish_stage(location, group, {"refused": [list(row) for row in refused]})
    return report_of(location, settings.scale)


def _find_all(
    store: Store, client: Client, settings: ReferenceSettings, pairs: int, identity: str
) -> None:
    """Describe all tiles, search for each pair, then copy what was found."""
    location, group = store.location, references_group(settings.scale)
    tiles = len(candidate_tiles(location, settings.scale))
    parts = -(-tiles // TILES_PER_TASK)

    def tasks(total: int, size: int) -> list[TilesTask]:
        return [
            TilesTask(location, i, first, min(total, first + size), settings, parts, identity)
            for i, first in enumerate(range(0, total, size))
        ]

    run_parts(
        client,
        location,
        f"{group}/features",
        tasks(tiles, TILES_PER_TASK),
        describe,
        unit="tiles",
        name="local features",
        is_intact=has_words,
    )
    searches = tasks(pairs, TILES_PER_TASK)
    run_parts(
        client, location, f"{group}/search", searches, search, unit="pairs", name="references"
    )
    found = list(read_parts(location, f"{group}/search", len(searches)))
    columns = reference_columns(settings.count)
    values = {name: np.concatenate([part[name] for part in found]) for name in columns}
    write_found(store, client, settings, values, identity)


def write_found(
    store: Store, client: Client, settings: ReferenceSettings, values: Arrays, identity: str
) -> None:
    """Write the columns of references that were found, and copy the tiles that they are."""
    location, group = store.location, references_group(settings.scale)
    write_columns(location, group, reference_columns(settings.count), values)
    pairs = len(values["pair"])
    side = store.pairs(settings.scale).tile
    per_chunk = max(1, tiles_per_chunk(side) // settings.count)
    create_tiles(location, group, "hr", (pairs, settings.count, side, side, 3), per_chunk)
    parts = 0  # copying needs no features
    copies = [
        TilesTask(location, i, first, min(pairs, first + per_chunk), settings, parts, identity)
        for i, first in enumerate(range(0, pairs, per_chunk))
    ]
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
