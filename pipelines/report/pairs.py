"""The report's pairs: HR and LR of one place, where they come from, and their references."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from degrade.arrays import U8
from degrade.errors import StoreError
from degrade.pictures import enlarge
from degrade.store.contents import Pairs, References
from degrade.store.reader import Store
from degrade.store.schema import BY_LENS, pairs_group
from pipelines.report.pictures import picture
from pipelines.report.section import evenly, shown

MOST, SIDE, REFERENCE_SIDE = 15, 160, 80
"""Pairs shown, and the largest sides of their HR pictures and of references, pixels."""
NO_ROW = {
    -1: "bicubic",
    -2: "unknown: the pair was imported",
    BY_LENS: "of the lens, by place and colour",
}
"""Value of a pair's kernel that is no row of the store's kernels."""


@dataclass(frozen=True)
class Reference:
    """One reference of a pair: local features that match it, and how similar it is as a whole."""

    picture: str
    matches: str
    similarity: str
    origin: str


@dataclass(frozen=True)
class Pair:
    """One pair; ``facts`` are its provenance, name and value."""

    index: int
    hr: str
    lr: str
    side: int
    facts: tuple[tuple[str, str], ...]
    references: tuple[Reference, ...]


@dataclass(frozen=True)
class PairsBody:
    """What the section shows."""

    summary: str
    scale: int
    tile: int
    shown: str
    pairs: tuple[Pair, ...]
    has_references: bool
    references: str
    """What references there are, or why there are none."""
    refused: tuple[tuple[str, str], ...]
    cropped: bool


def pairs_body(store: Store, scale: int) -> PairsBody:
    """Gather the pairs of one scale, spread over the store.

    Raises:
        StoreError: There are none, or they are unfinished or damaged.
    """
    pairs = store.pairs(scale)
    total = len(pairs.hr)
    rows = evenly(total, MOST)
    found, about = _references(store, pairs)
    side = min(pairs.tile, SIDE - SIDE % scale)
    splits = Counter(pairs.split.tolist())
    paths, patches = _origins(store, pairs)
    refused = store.stages()[pairs_group(scale)].get("refused", [])
    return PairsBody(
        summary=f"{total} pairs of {pairs.tile} pixels, {splits['valid']} for validation",
        scale=scale,
        tile=pairs.tile,
        shown=shown(len(rows), total, "pairs"),
        pairs=tuple(
            _pair(pairs, row, side, _facts(pairs, row, paths, patches), found) for row in rows
        ),
        has_references=found is not None,
        references=about,
        refused=tuple((str(path), str(why)) for path, why in refused),
        cropped=side < pairs.tile,
    )


def _pair(
    pairs: Pairs,
    row: int,
    side: int,
    facts: tuple[tuple[str, str], ...],
    found: References | None,
) -> Pair:
    start = (pairs.tile - side) // 2 // pairs.scale * pairs.scale
    hr = pairs.hr.crop(row, start, start, side)
    lr = pairs.lr.crop(row, start // pairs.scale, start // pairs.scale, side // pairs.scale)
    return Pair(
        index=row,
        hr=picture(hr, exact=True),
        lr=picture(lr, exact=True),
        side=side,
        facts=facts,
        references=() if found is None else _references_of(found, row),
    )


def _origins(store: Store, pairs: Pairs) -> tuple[Any, Any]:
    """Return the photos' paths, and the noise patches' photos if noise is baked in."""
    paths = store.sources().path
    return paths, store.noise().source if (pairs.noise >= 0).any() else None


def _facts(pairs: Pairs, row: int, paths: Any, patches: Any) -> tuple[tuple[str, str], ...]:
    kernel, noise = int(pairs.kernel[row]), int(pairs.noise[row])
    baked = (
        "none baked in" if noise < 0 else f"patch {noise} of {_photo(paths, int(patches[noise]))}"
    )
    return (
        ("Photo", str(paths[pairs.source[row]])),
        ("HR tile at", f"row {pairs.row[row]}, column {pairs.col[row]} of the cleaned-up photo"),
        ("Kernel", NO_ROW.get(kernel) or f"row {kernel} of kernels/x{pairs.scale}"),
        ("Noise", baked),
        ("Domain", str(pairs.domain[row])),
        ("Split", str(pairs.split[row])),
    )


def _photo(paths: Any, row: int) -> str:
    return str(paths[row]) if row >= 0 else "an imported bank"


def _references(store: Store, pairs: Pairs) -> tuple[References | None, str]:
    try:
        found = store.references(pairs.scale)
    except StoreError as error:
        return None, f"No references: {error}"
    if found.pairs != pairs.content:
        again = "run `degrade build-references --overwrite`"
        return None, f"The references are of other pairs than the store holds now; {again}"
    verified = int((found.score[:, 0] > 0).sum())
    each = f"{found.count} references for each pair, the most similar first"
    return found, f"{each}; {verified} of {len(found.score)} pairs have a verified one"


def _references_of(found: References, row: int) -> tuple[Reference, ...]:
    def one(rank: int) -> Reference:
        tile: U8 = found.hr.tile(row * found.count + rank)
        pair = int(found.pair[row, rank])
        return Reference(
            picture=picture(enlarge(tile, min(REFERENCE_SIDE, len(tile)))),
            matches=f"{found.score[row, rank]:.0f}",
            similarity=f"{found.similarity[row, rank]:.2f}",
            origin=f"pair {pair}" if pair >= 0 else f"library {found.library_tile[row, rank]}",
        )

    return tuple(one(rank) for rank in np.arange(found.count).tolist())
