"""Stage `build-references`: for every pair the tiles that show the same things."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from degrade.arrays import U8
from degrade.images.decode import DecodePolicy
from degrade.images.write import write_png
from degrade.pictures import Cell, enlarge, sheet
from degrade.references import ReferenceSettings
from degrade.store.contents import Pairs
from degrade.store.raw import RawArrays
from degrade.store.reader import Store, check_current, open_store
from degrade.store.schema import reference_columns, references_group
from degrade.store.stages import StageIdentity
from degrade.store.task_results import Arrays
from degrade.store.writer import tiles_per_chunk
from pipelines.execution.cluster import Client
from pipelines.execution.stage_writer import StageWriter, TaskOutput, begin, blocks, rewrite
from pipelines.reference_library import Library, build_library, whole_folder
from pipelines.reference_search import (
    TILES_PER_TASK,
    Search,
    candidate_tiles,
    describe,
    find_references,
    has_words,
)
from pipelines.stage import scale_of

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


Find = Callable[[StageWriter, ReferenceSettings, Mapping[str, str]], Arrays]
"""Returns the columns of references; takes their group, the settings, and the library's refused
photos with the reasons."""


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
    with begin(store, client, group, identity, overwrite=overwrite) as out:
        if out.needed:
            left_out = list(refused)
            if library is not None:
                policy = DecodePolicy(**store.sources().policy)
                left_out += build_library(out, library, pairs.tile, policy)
            _write_found(out, settings, pairs, find(out, settings, dict(left_out)))
            out.results["refused"] = [list(row) for row in left_out]
    return report_of(location, settings.scale)


def find_all(
    out: StageWriter,
    settings: ReferenceSettings,
    refused: Mapping[str, str],
    find: Callable[[Search, range], TaskOutput] = find_references,
) -> Arrays:
    """Describe all tiles, then search for each pair."""
    tiles = candidate_tiles(out.location, settings.scale)
    every, pairs = (blocks(len(some), TILES_PER_TASK) for some in (tiles, tiles.hr))
    search = Search(out.location, settings, len(every), str(out.made.attrs.asdict()))
    words, work = partial(has_words, search), partial(describe, search)
    out.run(every, work, "tiles", subgroup="features", name="local features", is_intact=words)
    results = out.run(pairs, partial(find, search), "pairs", subgroup="search", name="references")
    found = list(results)
    columns = reference_columns(settings.count)
    return {name: np.concatenate([result[name] for result in found]) for name in columns}


def _write_found(
    out: StageWriter, settings: ReferenceSettings, pairs: Pairs, found: Arrays
) -> None:
    """Write the columns of references that were found, and copy the tiles that they are."""
    count, side, total = settings.count, pairs.tile, len(pairs.hr)
    out.columns(reference_columns(count), found)
    per_chunk = max(1, tiles_per_chunk(side) // count)
    copies = partial(_copies, out.location, settings.scale)
    shapes = {"hr": (total, count, side, side, 3)}
    out.tiles(shapes, per_chunk, blocks(total, per_chunk), copies, "pairs", subgroup="copies")


def _copies(location: str, scale: int, rows: range) -> Iterator[tuple[U8]]:
    """Yield the references of some pairs."""
    group = references_group(scale)
    store, tiles = open_store(location), candidate_tiles(location, scale)
    pair, library = (
        store.column(f"{group}/{name}")[rows.start : rows.stop] for name in ("pair", "library_tile")
    )
    for row in np.where(pair >= 0, pair, library + len(tiles.hr)).tolist():
        yield (np.stack([tiles[index] for index in row]),)


def rebuild_references(store: Store, client: Client, group: str, chunks: Sequence[int]) -> None:
    """Copy chosen chunks of finished references anew from the tiles that they are.

    Raises:
        StoreError: The pairs were made anew since.
    """
    scale = scale_of(group)
    found = store.references(scale)
    check_pairs(store, scale)
    every = blocks(len(found.score), found.hr.per_chunk // found.count)
    raw = RawArrays(store.location, group, ("hr",))
    copies = partial(_copies, store.location, scale)
    rewrite(client, raw, [every[chunk] for chunk in chunks], copies)


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
