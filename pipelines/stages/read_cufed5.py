"""CUFED5 into a store: NNN_0 becomes bicubic pairs, NNN_1 to NNN_5 their references by level."""

from functools import partial
from pathlib import Path

from degrade.errors import NothingToDo
from degrade.images.decode import DecodePolicy
from degrade.images.paired import LEVELS, Group, cufed5_groups
from degrade.images.scan import scan_file
from degrade.references import ReferenceSettings
from pipelines.client import Client
from pipelines.level_search import search_levels
from pipelines.progress import track
from pipelines.reference_library import Library
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.build_references import ReferencesReport, find_all, make_references
from pipelines.stages.read_cufed import CUFED_SCALE, CUFED_SIDE, as_they_are
from pipelines.stages.scan import known_policy, scan
from pipelines.streaming import stream

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
    scan(
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
    hr, *references = (scan_file(folder, path.name, policy, tile) for path in group.pictures)
    faults = {record.path: record.reason for record in (hr, *references) if record.reason}
    faults |= {
        record.path: f"has the same bytes as {hr.path}"
        for record in references
        if hr.sha256 and record.sha256 == hr.sha256
    }
    left_out = f"; group {group.name} is left out"
    return group.name, tuple((path, why + left_out) for path, why in faults.items())
