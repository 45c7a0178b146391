"""Which of several results is better, with an interval over images."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from degrade.arrays import F64
from degrade.randomness import stream
from sr_train.evaluation.metric_table import COLUMNS
from sr_train.evaluation.scoring import Evaluation, Scores, mean_scores, plain

RESAMPLES = 10_000
"""Sets of images drawn with replacement."""
LEVEL = 0.95
"""Share of them that the interval holds."""
HIGHEST = 100.0
"""PSNR in dB that an image without any error counts as."""
BICUBIC = "bicubic"

Verdict = Literal["better", "worse", "open"]


@dataclass(frozen=True)
class Difference:
    """How much worse a result is than another by one measure, paired over images."""

    images: int
    mean: float
    """Mean over images of the measure's badness less that of the other; below 0 is better."""
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """``better`` or ``worse`` where the interval excludes 0."""
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "open"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, with the verdict; null where there is no interval."""
        made = {key: value if math.isfinite(value) else None for key, value in asdict(self).items()}
        return made | {"verdict": self.verdict}


@dataclass(frozen=True)
class Comparison:
    """Several results on the same images; the first is what the others are compared with."""

    evaluations: Mapping[str, Evaluation]
    """By label, at least one."""

    @property
    def means(self) -> dict[str, Scores]:
        """The mean scores of each, and of bicubic upsampling where it is known."""
        means = {label: found.mean for label, found in self.evaluations.items()}
        return means | {label: mean_scores(rows.values()) for label, rows in self._bicubic.items()}

    @property
    def differences(self) -> dict[str, dict[str, Difference]]:
        """By label and measure, of all but the first."""
        first, *others = self.evaluations
        rows = {label: self.evaluations[label].images for label in others} | self._bicubic
        against = self.evaluations[first].images
        return {label: compared(images, against) for label, images in rows.items()}

    @property
    def _bicubic(self) -> dict[str, dict[str, Scores]]:
        rows = next(iter(self.evaluations.values())).bicubic
        return {BICUBIC: rows} if rows else {}

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        first = next(iter(self.evaluations.values()))
        return {
            "protocol": first.protocol,
            "compared_with": next(iter(self.evaluations)),
            "mean": {label: plain(mean) for label, mean in self.means.items()},
            "differences": {
                label: {name: difference.as_dict() for name, difference in row.items()}
                for label, row in self.differences.items()
            },
            "images": {
                label: {name: plain(row) for name, row in found.images.items()}
                for label, found in self.evaluations.items()
            },
            "notes": first.notes,
        }


def compared(images: Mapping[str, Scores], with_: Mapping[str, Scores]) -> dict[str, Difference]:
    """Return how one result differs from another on the same images, by measure."""
    found = {}
    for name, column in COLUMNS.items():
        pairs = [
            (images[key].by_name()[name], with_[key].by_name()[name])
            for key in with_
            if name in images[key].by_name() and name in with_[key].by_name()
        ]
        badness = [[column.badness(min(value, HIGHEST)) for value in pair] for pair in pairs]
        differences = np.array([a - b for a, b in badness if math.isfinite(a - b)], np.float64)
        if len(differences):
            found[name] = bootstrapped(differences)
    return found


def bootstrapped(differences: F64, seed: int = 0) -> Difference:
    """Return the mean of paired differences [n] with its percentile interval (Efron 1979).

    With one image there is no interval: it is unbounded.
    """
    count = len(differences)
    mean = float(differences.mean())
    if count < 2:
        return Difference(count, mean, -math.inf, math.inf)
    draws = stream(seed, "bootstrap").integers(0, count, (RESAMPLES, count))
    means = differences[draws].mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(count, mean, float(low), float(high))
