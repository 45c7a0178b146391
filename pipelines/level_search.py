"""References by CUFED5's levels: of each level's picture the tile that shows most of a pair."""

import numpy as np
import numpy.typing as npt

from degrade.arrays import F32, I64
from degrade.errors import NothingToDo
from degrade.images.paired import group_and_level
from degrade.references import leaks, most_similar
from degrade.store.reader import Store, open_store
from degrade.store.schema import references_group
from pipelines.reference_search import Found, Search, best_matching, found_by, pool
from pipelines.workspace import Done

Names = npt.NDArray[np.str_]


def search_levels(search: Search, rows: range) -> Done:
    """Leave a reference of each level for some pairs, level 1 first.

    Of the tiles of that level's picture it is the one with the most verified matches, of several
    such the most similar one.
    """
    store, places = open_store(search.location), pool(search).places
    groups, levels = _groups_and_levels(store, search.settings.scale)

    def choose(pair: int, similarity: F32) -> Found:
        others = leaks(places, pair) | (groups != groups[pair])
        found = []
        for level in range(1, search.settings.count + 1):
            forbidden = others | (levels != level)
            candidates = most_similar(similarity, forbidden, len(forbidden))
            if not len(candidates):
                raise NothingToDo(_same_pixels(str(groups[pair]), level, pair))
            found.append(best_matching(search, pair, candidates, 1))
        return Found(*(np.concatenate(column) for column in zip(*found, strict=True)))

    return found_by(search, rows, choose)


def _groups_and_levels(store: Store, scale: int) -> tuple[Names, I64]:
    """Return the group and level of all tiles, [N] each: those of pairs, then the library's."""
    pairs, paths = store.pairs(scale), store.sources().path
    names = [str(paths[row]) for row in pairs.source]
    names += store.column(f"{references_group(scale)}/library_path").tolist()
    parsed = [group_and_level(name) or ("", 0) for name in names]
    return np.array([group for group, _ in parsed]), np.array([level for _, level in parsed])


def _same_pixels(group: str, level: int, pair: int) -> str:
    return (
        f"{group}_{level}: has the same pixels as pair {pair} of {group}_0 and cannot be its "
        "reference; remove the group"
    )
