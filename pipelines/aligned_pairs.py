"""Alignment of imported pairs: which are used, how far HR is moved, and what is reported."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from degrade.errors import NothingToDo, SettingsError
from degrade.images.pair_alignment import UNKNOWN, PairAlignment
from degrade.images.source_record import SourceRecord
from degrade.pairs import PairSettings
from degrade.store.contents import Pairs
from degrade.store.reader import Store
from degrade.store.schema import IMPORTED_PAIR_COLUMNS
from pipelines.pair_plan import PairPlan, plan_pairs
from pipelines.photos.reading import Photo

Align = Literal["check", "shift", "refuse"]
TOLERANCE = 0.2
"""Displacement in LR pixels that is tolerated. Moving by whole HR pixels leaves up to 0.125 at x4,
0.17 at x3, but 0.25 at x2."""
GAIN = 0.02
"""Difference from 1 of LR's brightness over HR's up to which nothing is said."""
DRIFT = 0.08
"""LR pixels within a picture: noise alone makes less, so that more in most pairs means two
lenses."""
ALIKE = 0.1
"""HR pixels within which the shifts of all pairs count as one, and as a convention."""
NEARLY = 0.9
"""Share of the pairs that must agree before a sentence is about all."""


@dataclass(frozen=True)
class AlignSettings:
    """What to do about pairs that are not aligned, and from how many LR pixels on."""

    align: Align = "check"
    tolerance: float = TOLERANCE

    def __post_init__(self) -> None:
        if not self.tolerance >= 0:  # nor is what is no number
            raise SettingsError(
                f"--tolerance {self.tolerance:g}: give LR pixels, 0 or more, such as {TOLERANCE}"
            )

    def recorded(self) -> dict[str, str | float]:
        """Return what the pairs depend on: nothing where they are only checked."""
        return {} if self.align == "check" else vars(self)

    def moved(self, its: PairAlignment, scale: int) -> tuple[int, int]:
        """Return by how many HR pixels HR is to move down and right."""
        if self.align != "shift" or its.shift is None:
            return 0, 0
        down, right = (_nearest(part * scale) for part in its.shift)
        return down, right

    def fault(self, its: PairAlignment, scale: int) -> str | None:
        """Return why a pair is refused, or None."""
        if self.align == "check":
            return None
        if its.unlike:
            return "shows something else than its LR"
        down, right = self.moved(its, scale)
        left = its.left((down / scale, right / scale))
        if left <= self.tolerance or its.shift is None:
            return None
        if its.drift > self.tolerance:
            what = f"LR drifts by up to {its.drift:.2f} LR pixels across the picture"
        else:
            what = f"LR is displaced by {_place(its.shift)} LR pixels (down, right)"
            what += f", {left:.2f} of them after moving HR" if self.align == "shift" else ""
        return f"{what}, more than --tolerance {self.tolerance:g}"


CHECKED = AlignSettings()


@dataclass(frozen=True)
class AlignmentReport:
    """How all pairs of an import are aligned, before anything was moved; lengths in LR pixels."""

    pairs: int
    unmeasured: int
    """Pairs that are too small or too flat to be measured."""
    unlike: int
    """LR shows something else than HR."""
    median: float
    """Median of the pairs' larger displacement along an axis, in their worst part."""
    largest: float
    tolerance: float
    beyond: float
    """Share of the measured pairs, those of something else among them, beyond the tolerance."""
    drift: float
    """The largest difference within a picture."""
    gain: tuple[float, float, float]
    """Median brightness of LR over HR: R, G and B."""
    notes: tuple[str, ...]
    """What to do about it, a line each."""

    @property
    def line(self) -> str:
        """The distribution in a line."""
        compared = self.pairs - self.unmeasured
        if compared == self.unlike:
            return (
                f"alignment: not measured, {_pairs(compared)} of different pictures"
                if (compared)
                else "alignment: not measured, LR is too small or too flat"
            )
        rest = f"; {self.unmeasured} too small or flat to tell" if self.unmeasured else ""
        return (
            f"alignment: displaced by {self.median:.2f} LR pixels (median), {self.largest:.2f} at "
            f"most; {self.beyond:.1%} of {_pairs(compared)} beyond {self.tolerance:g}{rest}"
        )


def alignment_report(
    found: Sequence[PairAlignment], scale: int, settings: AlignSettings
) -> AlignmentReport:
    """Sum up how the pairs of an import are aligned."""
    compared = [its for its in found if its.windows]
    unlike = sum(its.unlike for its in found)
    off = np.array([its.left() for its in compared])
    beyond = int((off > settings.tolerance).sum()) + unlike
    gains = [its.gain for its in compared if min(its.gain) > 0]
    red, green, blue = np.median(gains, axis=0).round(3).tolist() if gains else (1.0, 1.0, 1.0)
    notes = _geometry(compared, scale, settings) + _colour((red, green, blue)) + _strangers(unlike)
    return AlignmentReport(
        pairs=len(found),
        unmeasured=len(found) - len(compared) - unlike,
        unlike=unlike,
        median=round(float(np.median(off)), 3) if compared else 0.0,
        largest=float(off.max(initial=0.0)),
        tolerance=settings.tolerance,
        beyond=beyond / max(1, len(compared) + unlike),
        drift=max((its.drift for its in compared), default=0.0),
        gain=(red, green, blue),
        notes=tuple(notes),
    )


def _geometry(compared: list[PairAlignment], scale: int, settings: AlignSettings) -> list[str]:
    """Name a shift that nearly all pairs share, and pairs whose parts disagree."""
    drifting = [its for its in compared if its.drift > DRIFT]
    if 2 * len(drifting) <= len(compared):
        drifting = [its for its in drifting if its.drift > settings.tolerance]
    notes = [_drifting(drifting, len(compared))] if drifting else []
    if len(compared) == 0 or len(drifting) > (1 - NEARLY) * len(compared):
        return notes
    shifts = np.array([its.shift for its in compared]) * scale
    common = np.median(shifts, axis=0)
    apart = np.quantile(np.abs(shifts - common).max(axis=1), NEARLY)
    if apart <= ALIKE and np.abs(common).max() > 2 * ALIKE:
        notes.append(_shared(common.tolist(), scale, settings))
    return notes


def _drifting(pairs: list[PairAlignment], total: int) -> str:
    worst = max(pairs, key=lambda its: its.drift)
    larger, rotated = worst.warp()
    return (
        f"{len(pairs)} of {_pairs(total)}: LR drifts by up to {worst.drift:.2f} LR pixels across "
        f"the picture (larger by {larger:z.2%}, turned by {rotated:z.2f} degrees): pairs of two "
        "lenses; register them by a warp first, or leave them out by --align refuse"
    )


def _shared(shift: Sequence[float], scale: int, settings: AlignSettings) -> str:
    """Say what a displacement means that all pairs have, in HR pixels down and right."""
    what = _convention(shift, scale)
    again = f"make LR again with pixel i centred on HR coordinate {scale}*i + {(scale - 1) / 2:g}"
    left = max(abs(part - _nearest(part)) for part in shift)
    if settings.align == "shift":
        return f"{what}; moving HR leaves {left:.1f} HR pixels"
    if left / scale > settings.tolerance or not any(map(_nearest, shift)):
        return f"{what}; {again}"
    return f"{what}; {again}, or pass --align shift, which leaves {left:.1f} HR pixels"


def _convention(shift: Sequence[float], scale: int) -> str:
    """Name the HR pixel that LR pixel 0 was sampled from, if it was one of the first."""
    firsts = [(scale - 1) / 2 - part for part in shift]
    pixels = [round(first) for first in firsts]
    off = max(abs(first - pixel) for first, pixel in zip(firsts, pixels, strict=True))
    if off > ALIKE or not all(0 <= pixel < scale for pixel in pixels):
        down, right = shift
        return f"all LR are displaced by {down:z.1f}, {right:z.1f} HR pixels (down, right)"
    slices = [f"{pixel or ''}::{scale}" for pixel in pixels]
    if pixels[0] == pixels[1]:
        return f"your LR was sampled from pixel {pixels[0]}, as by `hr[{slices[0]}]`"
    place = f"row {pixels[0]} and column {pixels[1]}"
    return f"your LR was sampled from {place}, as by `hr[{slices[0]}, {slices[1]}]`"


def _colour(gain: tuple[float, float, float]) -> list[str]:
    if all(abs(part - 1) <= GAIN for part in gain):
        return []
    red, green, blue = (f"{part:.2f}" for part in gain)
    what = "exposed" if max(gain) - min(gain) <= GAIN else "coloured"
    return [
        f"LR is {what} otherwise than HR: its R, G and B are {red}, {green} and {blue} times HR's; "
        "training learns that, too: even it out first if it should not"
    ]


def _strangers(unlike: int) -> list[str]:
    if not unlike:
        return []
    return [
        f"{_pairs(unlike)}: LR shows something else than HR (or is moved beyond "
        "recognition); look at them, or leave them out by --align refuse"
    ]


def _nearest(shift: float) -> int:
    """Round to whole pixels; about halfway always towards 0, so that equal pairs stay equal."""
    return int(np.copysign(max(0, np.ceil(abs(shift) - 0.5 - ALIKE)), shift))


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count} pairs"


def _place(shift: tuple[float, float]) -> str:
    return f"{shift[0]:z.2f}, {shift[1]:z.2f}"


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
