"""CUFED5 into a store: NNN_0 becomes bicubic pairs, NNN_1 to NNN_5 their references by level."""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from degrade.arrays import F32, I64
from degrade.errors import NothingToDo
from degrade.images.decode import DecodePolicy
from degrade.images.paired import LEVELS, Group, cufed5_groups, group_and_level
from degrade.images.source_record import check_file
from degrade.references import ReferenceSettings, leaks, most_similar
from degrade.store.reader import Store, open_store
from degrade.store.schema import references_group
from pipelines.execution.cluster import Client
from pipelines.execution.progress import track
from pipelines.execution.stage_writer import TaskOutput
from pipelines.execution.streaming import stream
from pipelines.reference_library import Library
from pipelines.reference_search import Found, Search, best_matching, found_by, pool
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.build_references import ReferencesReport, find_all, make_references
from pipelines.stages.check import check_photos, known_policy
from pipelines.stages.read_cufed import CUFED_SCALE, CUFED_SIDE, as_they_are

Refused = tuple[tuple[str, str], ...]
"""Files and why they will not do."""


def read_cufed5(
    location: str,
    client: Client,
    folder: Path,
    *,
    tile: int = CUFED_SIDE,
    features: int = 256,
    valid: float = 0.1,
    overwrite: bool = False,
) -> ReferencesReport:
    """Make x4 pairs of CUFED5's pictures, each with a reference of each level, level 1 first.

    Pictures are not cleaned up before. A pair's reference of a level is that tile of the level's
    picture which has the most verified local matches with the pair's HR tile. A group with a
    picture that cannot be used is left out.

    Args:
        location: The store; it has no other photos.
        client: Where to run.
        folder: Has the pictures.
        tile: Side of HR tiles and of references in pixels.
        features: Strongest local features kept of each tile.
        valid: Share of the groups kept for validation.
        overwrite: Replace photos, pairs and references that the store has.

    Raises:
        NothingToDo: The folder is not CUFED5, or no group can be used.
        DegradeError: A group lacks a picture.
        SettingsError: The tile is no multiple of 4.
        StoreError: The store holds other photos.
    """
    pairs, folder = as_they_are(tile, valid), folder.absolute()  # workers may run elsewhere
    groups, refused = _usable(location, client, folder, tile)
    check_photos(
        location,
        client,
        source=folder,
        only={group.hr.name for group in groups},
        overwrite=overwrite,
    )
    build_pairs(location, client, pairs, overwrite=overwrite)
    references = tuple(path.name for group in groups for path in group.references)
    return make_references(
        location,
        client,
        ReferenceSettings(scale=CUFED_SCALE, count=LEVELS, features=features),
        partial(find_all, find=search_levels),
        Library("cufed5", folder, references),
        refused=refused,
        overwrite=overwrite,
    )


def _usable(location: str, client: Client, folder: Path, tile: int) -> tuple[list[Group], Refused]:
    """Decode all pictures; return the good groups, and why pictures of the others will not do."""
    groups, policy = cufed5_groups(folder), DecodePolicy(**known_policy(location))
    look = partial(_look, folder, tile, policy)
    faults: dict[str, Refused] = {}
    with track("check CUFED5", len(groups), "groups") as counter:
        for name, found in stream(client, look, groups):
            faults[name] = found
            counter.advance(1, bool(found))
    refused = tuple(fault for group in groups for fault in faults[group.name])
    good = [group for group in groups if not faults[group.name]]
    if not good:
        raise NothingToDo(
            f"{folder}: none of {len(groups)} groups can be used, the first because "
            f"{refused[0][0]}: {refused[0][1]}; mend the pictures or choose a smaller --tile"
        )
    return good, refused


def _look(folder: Path, tile: int, policy: DecodePolicy, group: Group) -> tuple[str, Refused]:
    """Decode a group's pictures; return its name and what is wrong with them."""
    hr, *references = (check_file(folder, path.name, policy, tile) for path in group.pictures)
    faults = {record.path: record.reason for record in (hr, *references) if record.reason}
    faults |= {
        record.path: f"has the same bytes as {hr.path}"
        for record in references
        if hr.sha256 and record.sha256 == hr.sha256
    }
    left_out = f"; group {group.name} is left out"
    return group.name, tuple((path, why + left_out) for path, why in faults.items())


Names = npt.NDArray[np.str_]


def search_levels(search: Search, rows: range) -> TaskOutput:
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
