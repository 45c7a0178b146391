"""HR images with the LR that each belongs to: which go on, how HR is moved, and their pairs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from degrade.errors import NothingToDo
from degrade.images.pair_alignment import UNKNOWN, PairAlignment
from degrade.images.scan import SourceRecord
from degrade.pairs import PairSettings
from degrade.store.contents import Pairs
from degrade.store.reader import Store
from degrade.store.schema import IMPORTED_PAIR_COLUMNS
from pipelines.aligned_pairs import AlignSettings
from pipelines.pair_plan import PairPlan, plan_pairs
from pipelines.photos import Photo

UNKNOWN_KERNEL = -2


@dataclass(frozen=True)
class Partner:
    """The LR of an HR image, how it is aligned, and how far HR is moved for it, HR pixels."""

    lr: SourceRecord
    its: PairAlignment = UNKNOWN
    moved: tuple[int, int] = (0, 0)

    def first(self, scale: int) -> tuple[int, int]:
        """Return the first row and column of LR that HR has, once it is moved."""
        down, right = (-(-max(0, moved) // scale) for moved in self.moved)
        return down, right

    def first_hr(self, scale: int) -> tuple[int, int]:
        """Return the row and column of HR that belong to `first`."""
        down, right = (
            scale * n - moved for n, moved in zip(self.first(scale), self.moved, strict=True)
        )
        return down, right

    def size(self, scale: int) -> tuple[int, int]:
        """Return height and width in HR pixels of what both have."""
        sides = (self.lr.height, self.lr.width)
        ends = zip(sides, self.first(scale), self.first_hr(scale), strict=True)
        height, width = (scale * min(n - a, (scale * n - b) // scale) for n, a, b in ends)
        return height, width


Partners = Mapping[str, Partner]
"""The partners by their HR images' paths."""


def chosen(
    seen: Partners, scale: int, aligning: AlignSettings
) -> tuple[dict[str, Partner], list[tuple[str, str]]]:
    """Return the pairs that go on, moved as they are to be, and why the others do not."""
    faults = {path: aligning.fault(partner.its, scale) for path, partner in seen.items()}
    refused = [(path, fault) for path, fault in faults.items() if fault is not None]
    if len(refused) == len(seen):
        path, fault = refused[0]
        raise NothingToDo(
            f"--align {aligning.align}: none of {len(seen)} pairs goes on, the first, {path}, "
            f"because {fault}; see how all lie with --align check, or give a larger --tolerance"
        )
    found = {
        path: replace(partner, moved=aligning.moved(partner.its, scale))
        for path, partner in seen.items()
        if faults[path] is None
    }
    return found, refused


def as_stored(store: Store, pairs: Pairs, seen: Partners) -> dict[str, Partner]:
    """Return the pairs that the store has, HR moved as its rows say."""
    rows, first = np.unique(pairs.source, return_index=True)
    paths = store.sources().path[rows]
    moved = np.zeros((len(rows), 2), int) if pairs.moved is None else pairs.moved[first]
    places = zip(paths.tolist(), moved.tolist(), strict=True)
    return {path: replace(seen[path], moved=(down, right)) for path, (down, right) in places}


def plan_partners(store: Store, settings: PairSettings, found: Partners) -> PairPlan:
    """Lay out the pairs that go on, as large as what both images show, at their places in HR."""
    sources, scale = store.sources(), settings.scale
    height, width, status = sources.height.copy(), sources.width.copy(), sources.status.copy()
    for row in sources.usable("target").tolist():
        partner = found.get(str(sources.path[row]))
        if partner is None:
            status[row] = "refused"
        else:
            height[row], width[row] = partner.size(scale)
    shared = replace(sources, height=height, width=width, status=status)
    shared = replace(shared, folders={"target": sources.folders["target"]})
    plan = plan_pairs(shared, settings, np.array([UNKNOWN_KERNEL]), 0)
    for photo, first, last in _spans(plan):
        down, right = found[photo.path].first_hr(scale)
        for pair in range(first, last):
            plan.columns["row"][pair] += down
            plan.columns["col"][pair] += right
    return plan


def _spans(plan: PairPlan) -> Iterator[tuple[Photo, int, int]]:
    ends = plan.first_row.tolist()
    return zip(plan.photos, ends[:-1], ends[1:], strict=True)


def measured(plan: PairPlan, found: Partners) -> dict[str, list[Any]]:
    """Return the columns of IMPORTED_PAIR_COLUMNS."""
    columns: dict[str, list[Any]] = {name: [] for name in IMPORTED_PAIR_COLUMNS}
    for photo, first, last in _spans(plan):
        partner = found[photo.path]
        its, unknown = partner.its, partner.its.shift is None
        values = (its.shift or (np.nan, np.nan), np.nan if unknown else its.drift, its.gain)
        for name, value in zip(columns, (*values, partner.moved), strict=True):
            columns[name] += [value] * (last - first)
    return columns
