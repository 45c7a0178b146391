"""Steps of finding references: describe all tiles, then search among them for each pair."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from degrade.arrays import F32, I32, I64, U8
from degrade.errors import NothingToDo
from degrade.references import (
    TABLES,
    Features,
    ReferenceSettings,
    TilePlaces,
    global_descriptors,
    leaks,
    local_features,
    most_similar,
    thumbnail,
    verified_matches,
    visual_words,
)
from degrade.store.reader import Store, open_store
from degrade.store.schema import reference_columns, references_group
from degrade.store.task_results import Arrays, TaskResults
from degrade.store.tiles import TileArray
from pipelines.execution.stage_writer import TaskOutput

TILES_PER_TASK = 128
FEATURES_KEPT = 64
"""Task results of local features that each worker keeps in memory; 5 MB at 256 features a tile."""


@dataclass(frozen=True)
class Search:
    """One search for references, as its tasks get it.

    ``feature_tasks`` is the number of tasks whose results hold all tiles' features, ``identity``
    distinguishes this run of the stage from others in the same process.
    """

    location: str
    settings: ReferenceSettings
    feature_tasks: int
    identity: str

    @property
    def group(self) -> str:
        """Group of the references."""
        return references_group(self.settings.scale)

    def results(self, name: str) -> TaskResults:
        """Return the address of what `describe` saved: its ``features`` or its ``words``."""
        return TaskResults(self.location, f"{self.group}/{name}", self.feature_tasks)


class CandidateTiles:
    """All tiles that may serve: the HR tiles of the pairs, then those of the library."""

    def __init__(self, hr: TileArray, library: TileArray | None) -> None:
        self.hr, self.library = hr, library

    def __len__(self) -> int:
        return len(self.hr) + (len(self.library) if self.library else 0)

    def __getitem__(self, index: int) -> U8:
        if index < len(self.hr):
            return self.hr.tile(index)
        assert self.library is not None
        return self.library.tile(index - len(self.hr))


def candidate_tiles(location: str, scale: int) -> CandidateTiles:
    """Return all tiles that may serve as references."""
    store = open_store(location)
    found = store.stages()[references_group(scale)]["arrays"]
    return CandidateTiles(
        store.pairs(scale).hr, store.library(scale) if "library" in found else None
    )


def describe(search: Search, rows: range) -> TaskOutput:
    """Leave the local features of some tiles, and apart from them what all searches need."""
    tiles = candidate_tiles(search.location, search.settings.scale)
    own = [tiles[i] for i in rows]
    features = [local_features(tile, search.settings.features) for tile in own]
    counts = np.array([len(each.points) for each in features])
    descriptors = np.concatenate([each.descriptors for each in features])
    pixels = [hashlib.sha256(tile.tobytes()).digest()[:8] for tile in own]
    summary = {
        "counts": counts,
        "words": visual_words(descriptors),
        "thumbnails": np.stack([thumbnail(tile) for tile in own]),
        "pixels": np.frombuffer(b"".join(pixels), np.uint64),
    }
    search.results("words").save(rows.start // TILES_PER_TASK, summary)
    points = np.concatenate([each.points for each in features])
    return TaskOutput({"counts": counts, "points": points, "descriptors": descriptors})


def has_words(search: Search, rows: range, result: Arrays) -> bool:
    """Return whether the other result that `describe` saves is there, too."""
    return search.results("words").load(rows.start // TILES_PER_TASK) is not None


def find_references(search: Search, rows: range) -> TaskOutput:
    """Leave the references of some pairs: the candidates with the most verified matches."""
    settings, places = search.settings, pool(search).places

    def choose(pair: int, similarity: F32) -> Found:
        wanted = max(settings.candidates, settings.count)
        candidates = most_similar(similarity, leaks(places, pair), wanted)
        if len(candidates) < settings.count:
            raise NothingToDo(_too_few(pair, len(candidates), settings.count))
        return best_matching(search, pair, candidates, settings.count)

    return found_by(search, rows, choose)


class Found(NamedTuple):
    """References of one pair: numbers of their tiles and verified matches, both [R]."""

    tiles: I64
    matches: I64


def best_matching(search: Search, pair: int, candidates: I64, count: int) -> Found:
    """Return those of some tiles that have the most verified matches with a pair's HR tile.

    Equal ones come in the order of the candidates.
    """
    own = _features_of(search, pair)
    matches = np.array([verified_matches(own, _features_of(search, int(c))) for c in candidates])
    best = np.argsort(-matches, kind="stable")[:count]
    return Found(candidates[best], matches[best])


def found_by(search: Search, rows: range, choose: Callable[[int, F32], Found]) -> TaskOutput:
    """Return the references of some pairs as a task's result.

    Args:
        search: The search.
        rows: The pairs.
        choose: From a pair's number and its similarity [N] to all tiles to its references.
    """
    descriptors = pool(search).descriptors
    found: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in reference_columns(1)}
    pairs = len(open_store(search.location).pairs(search.settings.scale).hr)
    similarities = (descriptors[rows.start : rows.stop] @ descriptors.T).toarray()
    for pair, similarity in zip(rows, similarities, strict=True):
        tiles, matches = choose(pair, similarity)
        found["score"].append(matches)
        found["similarity"].append(similarity[tiles])
        found["pair"].append(np.where(tiles < pairs, tiles, -1))
        found["library_tile"].append(np.where(tiles < pairs, -1, tiles - pairs))
    columns = reference_columns(1)
    return TaskOutput({n: np.stack(values).astype(columns[n].dtype) for n, values in found.items()})


def _too_few(pair: int, found: int, wanted: int) -> str:
    return (
        f"--count {wanted}: pair {pair} has only {found} tiles that do not overlap it and are "
        "not kept for validation; ask for fewer, add photos, or give a library with --from FOLDER"
    )


class Pool(NamedTuple):
    """What all searches need of all N tiles."""

    places: TilePlaces
    descriptors: csr_matrix


@lru_cache(1)
def pool(search: Search) -> Pool:
    """Return the places and global descriptors of all tiles, read once by each worker."""
    store, results = open_store(search.location), list(search.results("words"))
    words: list[I32] = []
    for result in results:
        ends = np.cumsum(result["counts"])[:-1]
        words += np.split(result["words"].reshape(-1, TABLES), ends)
    thumbnails = np.concatenate([result["thumbnails"] for result in results])
    pixels = np.concatenate([result["pixels"] for result in results])
    places = _places(store, search.settings.scale, pixels)
    return Pool(places, global_descriptors(words, thumbnails))


def _places(store: Store, scale: int, pixels: npt.NDArray[np.uint64]) -> TilePlaces:
    """Return where all tiles come from, photos distinguished by their bytes."""
    pairs, sources = store.pairs(scale), store.sources()
    hashes = [str(sources.sha256[row]) for row in pairs.source]
    versions, row, col = pairs.source.tolist(), pairs.row.tolist(), pairs.col.tolist()
    group = references_group(scale)
    if "library" in store.stages()[group]["arrays"]:
        own = [str(value) for value in store.column(f"{group}/library_sha256")]
        hashes += own
        versions += [-1] * len(own)
        row += store.column(f"{group}/library_row").tolist()
        col += store.column(f"{group}/library_col").tolist()
    valid = np.zeros(len(hashes), bool)
    valid[: len(pairs.split)] = pairs.split == "valid"
    photo = np.unique(hashes, return_inverse=True)[1]
    return TilePlaces(
        photo, np.array(versions), np.array(row), np.array(col), valid, pixels, pairs.tile
    )


def _features_of(search: Search, tile: int) -> Features:
    index, offset = divmod(tile, TILES_PER_TASK)
    result, starts = _features_of_task(search, index)
    own = slice(int(starts[offset]), int(starts[offset + 1]))
    return Features(
        result["points"][own].astype(np.float32, copy=False),
        result["descriptors"][own].astype(np.uint8, copy=False),
    )


@lru_cache(FEATURES_KEPT)
def _features_of_task(search: Search, index: int) -> tuple[Arrays, I64]:
    result = search.results("features").result(index)
    return result, np.concatenate([[0], np.cumsum(result["counts"])])
