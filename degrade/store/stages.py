"""What makes a stage's group what it is: its identity, and a hash of what it holds."""

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import zarr

from degrade import __version__


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

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it, the way a group's attributes record it."""
        found: dict[str, Any] = json.loads(_canonical(self.__dict__))
        return found

    def digest(self) -> str:
        """Return a hash of it."""
        return hashlib.sha256(_canonical(self.__dict__).encode()).hexdigest()


def software() -> dict[str, str]:
    """Return the versions that a stage's bytes depend on."""
    return {"degrade": __version__, "python": platform.python_version(), **_packages()}


@cache
def _packages() -> dict[str, str]:
    """Return the versions of packages, whose files take milliseconds to read."""
    packages = ("numpy", "scipy", "torch", "opencv-python", "pillow", "zarr")
    return {name: version(name) for name in packages}


def difference(existing: zarr.Group, identity: StageIdentity) -> str:
    """Name the first few fields in which a group differs from what is asked for, or nothing."""
    found: dict[str, Any] = existing.attrs.asdict()
    wanted, differences = identity.plain(), []
    old, new = found["parameters"], wanted["parameters"]
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            differences.append(f"{key} = {old.get(key)!r}, not {new.get(key)!r}")
    old, new = found["inputs"], wanted["inputs"]
    # Inputs are hashes, which say nothing to people.
    changed = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    differences += [f"other {key} than now" for key in changed]
    if not differences and not found["complete"]:
        old, new = found["software"], software()
        differences = [f"{k} {old[k]}, not {new.get(k)}" for k in old if old[k] != new.get(k)]
    shown = "; ".join(differences[:3])
    return shown + (f" and {len(differences) - 3} more" if len(differences) > 3 else "")


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


def _canonical_pieces(array: "zarr.Array[Any]") -> Iterator[str]:
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
