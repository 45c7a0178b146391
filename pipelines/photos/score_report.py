"""What the scores of a folder's photos are like: by photo, as histograms, and who stands out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from degrade.arrays import F32, F64, I64
from degrade.images.keep import SCORES, rounded
from degrade.images.outliers import outlier
from degrade.images.source_record import SourceRecord
from degrade.store.schema import Domain

BARS, PLAIN_BARS = " ▁▂▃▄▅▆▇█", " .:-=+*#@"
"""Bars from nothing to the most; the others are for a terminal that cannot show the first."""
BINS = 24


@dataclass(frozen=True)
class Histogram:
    """How one score is distributed over photos.

    Attributes:
        name: The score.
        low: The smallest value.
        median: The middle one.
        high: The largest.
        counts: [BINS] photos from ``low`` to ``high``.
    """

    name: str
    low: float
    median: float
    high: float
    counts: I64

    def line(self, bars: str) -> str:
        """Draw it in one line; what holds one photo at least is seen."""
        most = max(1, int(self.counts.max()))
        levels = np.ceil(self.counts * (len(bars) - 1) / most).astype(int)
        drawn = "".join(bars[level] for level in levels)
        return f"{self.name:11} {self.low:6.2f} {drawn} {self.high:<6.2f} median {self.median:.2f}"


def scored(records: Sequence[SourceRecord]) -> list[SourceRecord]:
    """Return the files that were decoded and have scores, those left out by them among them."""
    return [record for record in records if record.scores]


def histograms(scores: Mapping[str, F64 | F32]) -> list[Histogram]:
    """Return the distribution of each score.

    Args:
        scores: By name, of one photo at least.
    """
    found = []
    for name, values in scores.items():
        low, high = float(values.min()), float(values.max())
        counts = np.histogram(values, BINS, (low, high if high > low else low + 1))[0]
        found.append(Histogram(name, low, float(np.median(values)), high, counts.astype(np.int64)))
    return found


def columns(records: Sequence[SourceRecord]) -> dict[str, F64]:
    """Return each score of some files that have them, as an array."""
    return {name: np.array([r.scores[name] for r in records], np.float64) for name in SCORES}


def outliers(scores: Mapping[str, F64 | F32]) -> Iterator[tuple[int, str]]:
    """Yield the number of each photo that stands out from the others, and what it is in words."""
    if not scores:
        return
    medians = {name: float(np.median(values)) for name, values in scores.items()}
    for number in range(len(next(iter(scores.values())))):
        its = rounded({name: values[number] for name, values in scores.items()})
        what = outlier(its, medians)
        if what:
            yield number, what


def outlying(records: Mapping[Domain, Sequence[SourceRecord]]) -> list[list[str]]:
    """Return domain, path and words of each photo that stands out in its domain."""
    found = []
    for domain, files in records.items():
        seen = scored(files)
        if seen:
            found += [[domain, seen[n].path, what] for n, what in outliers(columns(seen))]
    return found


def score_table(records: Mapping[Domain, Sequence[SourceRecord]]) -> dict[str, dict[str, Any]]:
    """Return the scores of every photo by domain: the paths, and a list for each score."""
    table: dict[str, dict[str, Any]] = {}
    for domain, files in records.items():
        seen = scored(files)
        if seen:
            lists = {name: [r.scores[name] for r in seen] for name in SCORES}
            table[domain] = {"path": [r.path for r in seen], **lists}
    return table
