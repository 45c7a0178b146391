"""A photo's scores by name, and which photos are kept: `sharpness > 0.3 and clipped < 0.2`."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

SCORES = {
    "sharpness": "steepest step at edges over their height, median, 0..1; 0 = no edges",
    "blockiness": "steps across an 8x8 grid over those beside it; 1 = none",
    "clipped": "share of pixels that are black or white",
    "flat": "share of pixels like all their neighbours, without any noise",
    "uniform": "share of pixels near the commonest brightness",
    "noise_level": "standard deviation of fine noise in quiet places, 0..255",
    "resolution": "share of the pixel grid's resolution that there is detail in, 0..1",
    "brightness": "mean, 0..1",
}
"""What each score is, in the order of the columns."""

_DIGITS = 4


def rounded(scores: Mapping[str, float]) -> dict[str, float]:
    """Return scores as they are shown and judged, whether new or stored as float32."""
    return {name: round(float(value), _DIGITS) for name, value in scores.items()}


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LIMIT = re.compile(r"\s*(\w+)\s*([<>]=?)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*", re.I)
_AND = re.compile(r"\band\b", re.I)


@dataclass(frozen=True)
class Limit:
    """One comparison of a score with a number."""

    score: str
    comparison: str
    number: float

    def __str__(self) -> str:
        return f"{self.score} {self.comparison} {self.number:g}"

    def holds(self, scores: Mapping[str, float]) -> bool:
        """Return whether a photo of these scores is kept."""
        return _COMPARISONS[self.comparison](scores[self.score], self.number)


@dataclass(frozen=True)
class Keep:
    """Limits that must all hold; without any, every photo is kept."""

    limits: tuple[Limit, ...] = ()

    @classmethod
    def of(cls, text: str) -> Self:
        """Read an expression: names, comparisons and numbers, joined by ``and``; empty = all.

        Raises:
            ValueError: It is none; the text says what is known.
        """
        parts = _AND.split(text) if text.strip() else []
        return cls(tuple(map(_limit, parts)))

    def __str__(self) -> str:
        return " and ".join(map(str, self.limits))

    def fault(self, scores: Mapping[str, float]) -> str:
        """Return why a photo is left out: the scores that fail, and their limits; "" if it is kept.

        Args:
            scores: By the names of `SCORES`.
        """
        failed = [limit for limit in self.limits if not limit.holds(scores)]
        failures = [
            f"{limit.score} {scores[limit.score]:g}, not {limit.comparison} {limit.number:g}"
            for limit in failed
        ]
        return f"is left out by its scores ({'; '.join(failures)})" if failures else ""


def _limit(text: str) -> Limit:
    found = _LIMIT.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text.strip()!r} is no limit; write a score, a comparison (<, <=, >, >=) and a "
            "number, joined by 'and', such as 'sharpness > 0.3 and clipped < 0.2'"
        )
    name, comparison, number = found.groups()
    if name.lower() not in SCORES:
        raise ValueError(f"{name!r} is no score; known are {', '.join(SCORES)}")
    return Limit(name.lower(), comparison, float(number))
