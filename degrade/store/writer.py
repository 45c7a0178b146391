"""Writing the store: opening it, beginning and finishing stages, columns and raw tiles."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import zarr
from zarr.errors import GroupNotFoundError

from degrade import __version__
from degrade.arrays import U8
from degrade.errors import StoreError
from degrade.store.parts import clear_parts, is_remote
from degrade.store.schema import FORMAT, VERSION, Column

RAW_CHUNK_BYTES = 4 * 2**20
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
    packages = ("numpy", "scipy", "torch", "opencv-python", "pillow", "zarr")
    return {
        "degrade": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def open_for_writing(location: str) -> zarr.Group:
    """Open the store, creating it where nothing is.

    Raises:
        StoreError: The path holds something else, or a newer version, or cannot be written.
    """
    path = None if is_remote(location) else Path(location)
    occupied = path is not None and path.exists() and not (path / "zarr.json").exists()
    if path is not None and occupied and (path.is_file() or any(path.iterdir())):
        raise StoreError(
            f"{location}: exists and is not a degrade store; pick another path with --store"
        )
    try:
        root = zarr.open_group(location, mode="a", zarr_format=3)
        if not root.attrs:
            root.attrs.update({"format": FORMAT, "version": VERSION})
    except OSError as error:
        raise StoreError(
            f"{location}: cannot write here ({error.strerror or error}); pick another --store"
        ) from error
    check_format(root, location)
    return root


def check_format(root: zarr.Group, location: str) -> None:
    """Refuse a Zarr group that is not a degrade store of a version this software reads."""
    if root.attrs.get("format") != FORMAT:
        raise StoreError(
            f"{location}: is a Zarr group but not a degrade store; pick another path with --store"
        )
    found = root.attrs.get("version")
    if not isinstance(found, int) or found > VERSION:
        raise StoreError(
            f"{location}: is a store of version {found}, this degrade reads up to {VERSION}; "
            "upgrade degrade or use another --store"
        )


def find_group(root: zarr.Group, group: str) -> zarr.Group | None:
    """Return a group of the store, or None if no stage has made it."""
    try:
        found = root[group]
    except (KeyError, GroupNotFoundError):
        return None
    return found if isinstance(found, zarr.Group) else None


def begin_stage(
    location: str, group: str, identity: StageIdentity, *, overwrite: bool = False
) -> State:
    """Prepare a group for a stage to write in.

    Returns:
        "complete" if the same stage already finished with the same parameters and inputs,
        "resumed" if it was begun and stopped, "fresh" if it starts from nothing.

    Raises:
        StoreError: The group was made with other parameters, inputs or (if unfinished) software,
            and ``overwrite`` is not set.
    """
    root = open_for_writing(location)
    wanted = json.loads(_canonical(identity.__dict__))
    existing = find_group(root, group)
    if existing is not None and not overwrite and existing.attrs.get("stage") is not None:
        difference = _difference(existing, wanted)
        if difference:
            raise StoreError(
                f"{location}/{group}: was made with {difference}; pass --overwrite to make it "
                "again, or use another --store"
            )
        return "complete" if existing.attrs["complete"] else "resumed"
    discard_stage(location, group)
    attributes = {**wanted, "software": software(), "complete": False}
    root.create_group(group, attributes=attributes)
    return "fresh"


def finish_stage(location: str, group: str, results: Mapping[str, Any] | None = None) -> None:
    """Mark a stage complete, record its results and content hash, and drop its parts."""
    root = open_for_writing(location)
    made = find_group(root, group)
    if made is None:
        raise StoreError(f"{location}/{group}: vanished while it was written; run the stage again")
    clear_parts(location, group)
    made.attrs.update({**(results or {}), "content": _content(made), "complete": True})


def discard_stage(location: str, group: str) -> None:
    """Remove a begun stage that found nothing, so that other settings can be tried at once."""
    root = open_for_writing(location)
    clear_parts(location, group)
    if find_group(root, group) is not None:
        del root[group]


def write_columns(
    location: str, group: str, columns: Mapping[str, Column], values: Mapping[str, Any]
) -> None:
    """Write small arrays with a row per item, whole."""
    target = find_group(open_for_writing(location), group)
    if target is None:
        raise StoreError(f"{location}/{group}: is not begun; run the stage again")
    for name, column in columns.items():
        rows = len(values[name])
        array = target.create_array(
            name,
            shape=(rows, *column.row),
            chunks=(max(1, min(rows, 65536)), *column.row),
            dtype="string" if column.dtype == "str" else column.dtype,
            attributes={"meaning": column.meaning},
            overwrite=True,
        )
        kind = object if column.dtype == "str" else column.dtype
        array[...] = np.asarray(values[name], dtype=kind).reshape(rows, *column.row)


def write_array(location: str, group: str, name: str, values: npt.NDArray[Any]) -> None:
    """Write one numeric array whole, in chunks of rows of about 4 MiB."""
    target = find_group(open_for_writing(location), group)
    if target is None:
        raise StoreError(f"{location}/{group}: is not begun; run the stage again")
    rows = max(1, min(len(values), RAW_CHUNK_BYTES // max(1, values[:1].nbytes)))
    chunks = (rows, *values.shape[1:])
    array = target.create_array(
        name, shape=values.shape, chunks=chunks, dtype=values.dtype, overwrite=True
    )
    array[...] = values


def tiles_per_chunk(tile: int) -> int:
    """Return how many tiles of ``tile`` x ``tile`` x 3 bytes share a chunk file: a power of 2."""
    fit = max(1, RAW_CHUNK_BYTES // (tile * tile * 3))
    return int(min(256, 1 << (fit.bit_length() - 1)))


def create_tiles(
    location: str, group: str, name: str, shape: tuple[int, int, int, int], per_chunk: int
) -> None:
    """Create an empty raw tile array: uncompressed, unsharded, chunks of whole tiles.

    Each chunk file is then plain C-order bytes, which a reader can map. An array that is already
    there with this shape is kept, with the chunks it has.
    """
    target = find_group(open_for_writing(location), group)
    if target is None:
        raise StoreError(f"{location}/{group}: is not begun; run the stage again")
    if name in target and getattr(target[name], "shape", None) == shape:
        return
    target.create_array(
        name,
        shape=shape,
        chunks=(per_chunk, *shape[1:]),
        dtype="uint8",
        compressors=None,
        fill_value=0,
        overwrite=True,
        config={"write_empty_chunks": True},
    )


def write_tiles(location: str, group: str, name: str, chunk: int, tiles: U8) -> None:
    """Write one whole chunk of a raw tile array (the last one may hold fewer tiles).

    Raises:
        StoreError: The number of tiles is not that of the chunk, or the disk is full.
    """
    array = zarr.open_array(
        f"{location}/{group}/{name}", mode="r+", config={"write_empty_chunks": True}
    )
    per_chunk = array.chunks[0]
    start = chunk * per_chunk
    expected = min(per_chunk, array.shape[0] - start)
    if len(tiles) != expected:
        raise StoreError(
            f"{location}/{group}/{name}: chunk {chunk} takes {expected} tiles, not {len(tiles)}; "
            "a chunk is written whole"
        )
    try:
        array[start : start + expected] = tiles
    except OSError as error:
        raise StoreError(
            f"{location}: cannot write ({error.strerror or error}); make room, then run the same "
            "command again"
        ) from error


def _difference(existing: zarr.Group, wanted: Mapping[str, Any]) -> str:
    """Name the first few fields in which a group differs from what is asked for, or nothing."""
    found: dict[str, Any] = existing.attrs.asdict()
    differences = []
    for field in ("parameters", "inputs"):
        old, new = found[field], wanted[field]
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                differences.append(f"{key} = {old.get(key)!r}, not {new.get(key)!r}")
    if not differences and not found["complete"]:
        old, new = found["software"], software()
        differences = [f"{k} {old[k]}, not {new.get(k)}" for k in old if old[k] != new.get(k)]
    shown = "; ".join(differences[:3])
    return shown + (f" and {len(differences) - 3} more" if len(differences) > 3 else "")


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict)


def _content(group: zarr.Group) -> str:
    """Hash what later stages depend on: parameters, inputs and every array but the raw tiles.

    The raw tiles follow from the rest; reading them all again would double a build's disk traffic.
    """
    identity = {name: group.attrs[name] for name in ("stage", "parameters", "inputs")}
    digest = hashlib.sha256(_canonical(identity).encode())
    for name, array in sorted(group.arrays()):
        if array.compressors:
            digest.update(name.encode())
            values = np.asarray(array[...])
            plain = values.tolist() if values.dtype.kind in "OT" else values.tobytes().hex()
            digest.update(_canonical(plain).encode())
    return digest.hexdigest()
