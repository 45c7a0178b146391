"""The report's fidelity: the answer of `degrade fidelity --json` as tables and plots."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from pydantic import BaseModel, ConfigDict

from degrade.errors import SettingsError
from degrade.yaml_settings import validated
from pipelines.report.pictures import INK, SERIES, Plot, plain, plot

PLOTS = 8
"""Differences that are plotted, the largest."""
CHANCE = 0.5
"""Area under the ROC curve of a classifier that guesses."""


class _Lenient(BaseModel):
    """Fields that a later version adds are left aside."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ScoreRow(_Lenient):
    """How well a classifier separated one kind of LR from the photos."""

    column: str
    auc: float
    splits: tuple[float, ...]
    distance: float | None = None
    gain: float | None = None


class DifferenceRow(_Lenient):
    """One property, measured on the photos and on the synthetic LR."""

    name: str
    unit: str
    distance: float
    chance: float
    option: str
    real: tuple[float, ...]
    synthetic: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The distance over that between halves of the photos; 0 where those do not differ."""
        return self.distance / self.chance if self.chance else 0.0


class Result(_Lenient):
    """What `degrade fidelity --json` prints."""

    photos: int
    scores: tuple[ScoreRow, ...]
    compared: str
    differences: tuple[DifferenceRow, ...]
    finding: str


@dataclass(frozen=True)
class FidelityBody:
    """What the section shows."""

    summary: str
    result: Result
    score_plots: tuple[Plot, ...]
    difference_plots: tuple[Plot, ...]


def fidelity_body(path: Path) -> FidelityBody:
    """Read a fidelity result.

    Raises:
        SettingsError: The file cannot be read, or is no fidelity result.
    """
    remedy = "give what `degrade fidelity --json` printed"
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read as JSON ({error}); {remedy}") from error
    if not isinstance(fields, dict):
        raise SettingsError(f"{path}: is no fidelity result; {remedy}")
    result = validated(Result, fields, str(path))
    curves = [one for one in result.differences if len(one.real) == len(one.synthetic) > 1]
    return FidelityBody(
        summary=", ".join(f"{score.column} {score.auc:.2f}" for score in result.scores),
        result=result,
        score_plots=(_scores(result.scores),) if result.scores else (),
        difference_plots=tuple(
            _difference(one, result.compared, number) for number, one in enumerate(curves[:PLOTS])
        ),
    )


def _scores(scores: tuple[ScoreRow, ...]) -> Plot:
    def draw(axes: Axes) -> None:
        places = range(len(scores))[::-1]
        axes.barh(places, [score.auc for score in scores], color=SERIES[0], height=0.55)
        for place, score in zip(places, scores, strict=True):
            axes.plot(score.splits, [place] * len(score.splits), "|", color=INK, ms=9)
        axes.set_yticks(places, [plain(score.column) for score in scores])
        axes.axvline(CHANCE, color=INK, lw=0.8, ls=":")
        axes.set(xlim=(0, 1), xlabel="area under the ROC curve")

    alt = "Area under the ROC curve: " + ", ".join(f"{s.column} {s.auc:.2f}" for s in scores)
    caption = "How well a network tells it from the photos, and in each split; 0.5 (dotted): not"
    return plot("fidelity-scores", caption, alt, draw)


def _difference(one: DifferenceRow, compared: str, number: int) -> Plot:
    def draw(axes: Axes) -> None:
        place = np.arange(len(one.real))
        axes.plot(place, one.real, color=SERIES[0], label="photos")
        axes.plot(place, one.synthetic, "--", color=SERIES[1], label=plain(compared))
        axes.set(xlabel="bin of the measurement", ylabel=plain(one.unit))

    alt = (
        f"Distance {one.distance:.3g} {one.unit}, {one.ratio:.1f} times that of the photos' halves"
    )
    return plot(f"fidelity-{number}", one.name.capitalize(), alt, draw)
