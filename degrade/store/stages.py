"""A stage's group: begun with what identifies it, finished with a hash of what it holds."""

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import zarr

from degrade import __version__
from degrade.errors import StoreError
from degrade.store.backend import local_path
from degrade.store.parts import claim_parts, clear_parts
from degrade.store.writer import (
    drop_if_damaged,
    find_group,
    group_for_writing,
    open_for_writing,
    writing,
)

State = Literal["fresh", "resumed", "complete"]


@dataclass(frozen=True)
class StageIdentity:
    """What makes two runs of a stage the same: equal values promise equal bytes.

    Attributes:
        stage: The stage's name, as on the command line.
        parameters: Its settings, JSON-able.
        inputs: Hash of everything it reads, by name.
    """

    stage: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, str]


def software() -> dict[str, str]:
    """Return the versions that a stage's bytes depend on."""
    return {"degrade": __version__, "python": platform.python_version(), **_packages()}


@cache
def _packages() -> dict[str, str]:
    """Return the versions of packages, whose files take milliseconds to read."""
    packages = ("numpy", "scipy", "torch", "opencv-python", "pillow", "zarr")
    return {name: version(name) for name in packages}


def begin_stage(
    location: str, group: str, identity: StageIdentity, *, overwrite: bool = False
) -> State:
    """Prepare a group for a stage to write in.

    Returns:
        "complete" if the same stage already finished with the same parameters and inputs,
        "resumed" if it was begun and stopped, "fresh" if it starts from nothing.

    Raises:
        StoreError: The group was made with other parameters, inputs or (if unfinished) software,
            and ``overwrite`` is not set; with it, such a group is made again.
    """
    root = open_for_writing(location)
    wanted = json.loads(_canonical(identity.__dict__))
    drop_if_damaged(location, group)
    existing = find_group(root, group)
    if existing is not None and existing.attrs.get("stage") is not None:
        difference = _difference(existing, wanted)
        if not difference and existing.attrs["complete"]:
            clear_parts(location, group)  # of a run that was killed just before it did so
            return "complete"
        if not difference:
            claim_parts(location, group, _digest(wanted))
            return "resumed"
        if not overwrite:
            raise StoreError(
                f"{location}/{group}: was made with {difference}; pass --overwrite to make it "
                "again, or use another --store"
            )
    if existing is not None:
        discard_stage(location, group)
    # Without its metadata, cut short by a power loss, a group may still have parts to go on from.
    claim_parts(location, group, _digest(wanted))
    attributes = {**wanted, "software": software(), "complete": False}
    with writing(location):
        root.create_group(group, attributes=attributes)
    return "fresh"


def finish_stage(location: str, group: str, results: Mapping[str, Any] | None = None) -> None:
    """Mark a stage complete, record its results and content hash, and drop its parts."""
    made = group_for_writing(location, group)
    with writing(location):
        sweep(location, group)
        made.attrs.update({**(results or {}), "content": content_hash(made), "complete": True})
    clear_parts(location, group)


def sweep(location: str, group: str) -> None:
    """Delete what Zarr was writing aside when an earlier run was killed."""
    top = local_path(location)
    if top is not None:
        for left in [*top.glob("*.partial"), *(top / group).rglob("*.partial")]:
            left.unlink()


def discard_stage(location: str, group: str) -> None:
    """Remove a begun stage that found nothing, so that other settings can be tried at once."""
    root = open_for_writing(location)
    clear_parts(location, group)
    drop_if_damaged(location, group)
    if find_group(root, group) is not None:
        del root[group]


def _difference(existing: zarr.Group, wanted: Mapping[str, Any]) -> str:
    """Name the first few fields in which a group differs from what is asked for, or nothing."""
    found: dict[str, Any] = existing.attrs.asdict()
    differences = []
    old, new = found["parameters"], wanted["parameters"]
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            differences.append(f"{key} = {old.get(key)!r}, not {new.get(key)!r}")
    old, new = found["inputs"], wanted["inputs"]
    # Inputs are hashes, which tell people nothing.
    changed = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    differences += [f"other {key} than now" for key in changed]
    if not differences and not found["complete"]:
        old, new = found["software"], software()
        differences = [f"{k} {old[k]}, not {new.get(k)}" for k in old if old[k] != new.get(k)]
    shown = "; ".join(differences[:3])
    return shown + (f" and {len(differences) - 3} more" if len(differences) > 3 else "")


def _digest(value: Any) -> str:
    return hashlib.sha256(_canonical(value).encode()).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict)


def content_hash(group: zarr.Group) -> str:
    """Hash what later stages depend on: parameters, inputs and every array but the raw tiles.

    The raw tiles follow from the rest; reading them all again would double a build's disk traffic.
    """
    identity = {name: group.attrs[name] for name in ("stage", "parameters", "inputs")}
    digest = hashlib.sha256(_canonical(identity).encode())
    for name, array in sorted(group.arrays()):
        if array.compressors:
            digest.update(name.encode())
            for piece in _canonical_pieces(array):
                digest.update(piece.encode())
    return digest.hexdigest()


def _canonical_pieces(array: zarr.Array[Any]) -> Iterator[str]:
    """Yield an array's rows as JSON, a chunk at a time: strings as a list, numbers as one hex."""
    rows = int(array.chunks[0])
    pieces = (np.asarray(array[row : row + rows]) for row in range(0, array.shape[0], rows))
    if array.dtype.kind in "OT":
        yield "["
        for number, piece in enumerate(pieces):
            yield ("," if number else "") + _canonical(piece.tolist())[1:-1]
        yield "]"
        return
    yield '"'
    for piece in pieces:
        yield piece.tobytes().hex()
    yield '"'
