"""What an import makes of how its pairs are aligned: which go on, what is cropped, what is said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from degrade.errors import SettingsError
from degrade.images.pair_alignment import PairAlignment

Align = Literal["check", "shift", "refuse"]
TOLERANCE = 0.2
"""LR pixels. Moving by whole HR pixels leaves up to 0.125 at x4, 0.17 at x3, but 0.25 at x2."""
GAIN = 0.02
"""Brightness of LR over that of HR may differ from 1 by so much without being told."""
DRIFT = 0.08
"""LR pixels: noise alone makes less, so that more in most pairs means two lenses."""
ALIKE = 0.1
"""HR pixels within which the shifts of all pairs count as one, and as a convention."""
NEARLY = 0.9
"""Share of the pairs that must agree, for all to be spoken of."""


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
    """Too small or too flat to tell."""
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
        told = self.pairs - self.unmeasured
        if told == self.unlike:
            return (
                f"alignment: not measured, {_pairs(told)} of different pictures"
                if (told)
                else "alignment: not measured, LR is too small or too flat"
            )
        rest = f"; {self.unmeasured} too small or flat to tell" if self.unmeasured else ""
        return (
            f"alignment: displaced by {self.median:.2f} LR pixels (median), {self.largest:.2f} at "
            f"most; {self.beyond:.1%} of {_pairs(told)} beyond {self.tolerance:g}{rest}"
        )


def alignment_report(
    found: Sequence[PairAlignment], scale: int, settings: AlignSettings
) -> AlignmentReport:
    """Sum up how the pairs of an import are aligned."""
    told = [its for its in found if its.windows]
    unlike = sum(its.unlike for its in found)
    off = np.array([its.left() for its in told])
    beyond = int((off > settings.tolerance).sum()) + unlike
    gains = [its.gain for its in told if min(its.gain) > 0]
    red, green, blue = np.median(gains, axis=0).round(3).tolist() if gains else (1.0, 1.0, 1.0)
    notes = _geometry(told, scale, settings) + _colour((red, green, blue)) + _strangers(unlike)
    return AlignmentReport(
        pairs=len(found),
        unmeasured=len(found) - len(told) - unlike,
        unlike=unlike,
        median=round(float(np.median(off)), 3) if told else 0.0,
        largest=float(off.max(initial=0.0)),
        tolerance=settings.tolerance,
        beyond=beyond / max(1, len(told) + unlike),
        drift=max((its.drift for its in told), default=0.0),
        gain=(red, green, blue),
        notes=tuple(notes),
    )


def _geometry(told: list[PairAlignment], scale: int, settings: AlignSettings) -> list[str]:
    """Name a shift that nearly all pairs share, and pairs whose parts disagree."""
    drifting = [its for its in told if its.drift > DRIFT]
    if 2 * len(drifting) <= len(told):
        drifting = [its for its in drifting if its.drift > settings.tolerance]
    notes = [_drifting(drifting, len(told))] if drifting else []
    if len(told) == 0 or len(drifting) > (1 - NEARLY) * len(told):
        return notes
    shifts = np.array([its.shift for its in told]) * scale
    common = np.median(shifts, axis=0)
    apart = np.quantile(np.abs(shifts - common).max(axis=1), NEARLY)
    if apart <= ALIKE and np.abs(common).max() > 2 * ALIKE:
        notes.append(_shared(common.tolist(), scale, settings))
    return notes


def _drifting(pairs: list[PairAlignment], told: int) -> str:
    worst = max(pairs, key=lambda its: its.drift)
    larger, turned = worst.warp()
    return (
        f"{len(pairs)} of {_pairs(told)}: LR drifts by up to {worst.drift:.2f} LR pixels across "
        f"the picture (larger by {larger:z.2%}, turned by {turned:z.2f} degrees): pairs of two "
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
