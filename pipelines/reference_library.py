"""A library of reference photos: a folder's photos as tiles in the store."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from degrade.arrays import U8
from degrade.errors import ImageRefused, NothingToDo
from degrade.images.colour import to_uint8
from degrade.images.decode import DecodePolicy, decode
from degrade.images.files import find_files, resolve_inside
from degrade.pairs import tile_grid
from degrade.store.schema import LIBRARY_COLUMNS
from degrade.store.writer import tiles_per_chunk
from pipelines.execution.stage_writer import StageWriter, TaskOutput, blocks

PHOTOS_PER_TASK = 8
TILES = "library"
"""Name of the raw array of tiles in the references' group."""


@dataclass(frozen=True)
class Library:
    """Photos that serve as references and make no pairs: files of a folder, used as they are.

    Attributes:
        kind: What the stage's inputs call it.
        folder: Where the photos are.
        paths: The photos, relative to the folder.
    """

    kind: Literal["library", "cufed", "cufed5"]
    folder: Path
    paths: tuple[str, ...]

    def digest(self) -> str:
        """Return a hash of the photos' names and bytes."""
        digest = hashlib.sha256()
        for path in self.paths:
            digest.update(path.encode() + b"\0")
            try:
                whole = resolve_inside(self.folder, path).read_bytes()
                digest.update(hashlib.sha256(whole).digest())
            except (OSError, ImageRefused):
                digest.update(b"unreadable")
        return digest.hexdigest()


def whole_folder(kind: Literal["library", "cufed"], folder: Path) -> Library:
    """Return all images of a folder as a library.

    Raises:
        NothingToDo: It is not a folder.
    """
    return Library(kind, folder, find_files(folder).images)


def build_library(
    out: StageWriter, library: Library, tile: int, policy: DecodePolicy
) -> list[tuple[str, str]]:
    """Cut a library's photos into tiles and write them into the references' group.

    Args:
        out: The references' group.
        library: The reference photos.
        tile: Side of a tile in pixels.
        policy: What to do with files that are not plain 8-bit RGB.

    Returns:
        Refused files with the reason.

    Raises:
        NothingToDo: No photo is as large as a tile.
    """
    paths, folder = library.paths, library.folder
    groups = [paths[rows.start : rows.stop] for rows in blocks(len(paths), PHOTOS_PER_TASK)]
    cut = partial(_cut, folder, tile, policy)
    results = out.run(groups, cut, "photos", subgroup="library", name="reference photos")
    rows = [
        {name: result[name].tolist() for name in (*LIBRARY_COLUMNS, "refused")}
        for result in results
    ]
    refused = [(str(p), str(why)) for result in rows for p, why in result["refused"]]
    columns = {
        name: [value for result in rows for value in result[name]] for name in LIBRARY_COLUMNS
    }
    total = len(columns["library_path"])
    if not total:
        why = f"the first: {refused[0][0]}: {refused[0][1]}" if refused else "it holds no images"
        raise NothingToDo(f"{folder}: no photo serves as a reference ({why}); give another folder")
    out.columns(LIBRARY_COLUMNS, columns)
    raw = out.raw({TILES: (total, tile, tile, 3)}, tiles_per_chunk(tile))
    tiles = (result["tiles"].astype(np.uint8, copy=False) for result in results)
    out.checksums(raw.write(0, ((one,) for some in tiles for one in some)))
    return refused


def _cut(folder: Path, tile: int, policy: DecodePolicy, paths: Sequence[str]) -> TaskOutput:
    """Cut a few photos into tiles; a bad one is refused with the reason."""
    rows: dict[str, list[str | int]] = {name: [] for name in LIBRARY_COLUMNS}
    tiles: list[U8] = []
    refused: list[tuple[str, str]] = []
    for path in paths:
        try:
            data = resolve_inside(folder, path).read_bytes()
            photo = to_uint8(decode(data, path, policy))
        except (ImageRefused, OSError) as error:
            refused.append((path, getattr(error, "reason", None) or str(error)))
            continue
        grid = tile_grid(photo.shape[0], photo.shape[1], tile)
        if not grid:
            size = f"{photo.shape[1]}x{photo.shape[0]}"
            refused.append((path, f"{size} is smaller than a tile of {tile}"))
        for row, col in grid:
            tiles.append(photo[row : row + tile, col : col + tile])
            values: tuple[str | int, ...] = (path, hashlib.sha256(data).hexdigest(), row, col)
            for name, value in zip(LIBRARY_COLUMNS, values, strict=True):
                rows[name].append(value)
    empty = np.zeros((0, tile, tile, 3), np.uint8)
    arrays = {name: np.array(values) for name, values in rows.items()}
    arrays["refused"] = np.array(refused, dtype=str).reshape(len(refused), 2)
    arrays["tiles"] = np.stack(tiles) if tiles else empty
    return TaskOutput(arrays, len(refused))
