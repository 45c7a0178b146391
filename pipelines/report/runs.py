"""The report's runs: training curves and the last validation pictures of every run folder."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from PIL import Image as Pillow

from degrade.store.reader import Store
from pipelines.report.pictures import SERIES, Plot, picture, plain, plot
from pipelines.report.section import evenly

RUNS, PICTURES, POINTS = 6, 3, 300
"""Runs shown, sample pictures of each, and points of a curve."""
SIDE, ROWS = 128, 2
"""Where samples are larger than this, only so many of their rows are shown."""
SETTINGS = "settings.yaml"
SCORES = {"psnr": "PSNR in dB", "ssim": "SSIM", "lpips": "LPIPS (lower is better)"}
"""What validation records, and what to call it."""
DASHES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class SamplePicture:
    """One sample picture: rows of LR, SR and HR."""

    step: int
    picture: str


@dataclass(frozen=True)
class ReportedRun:
    """One run's folder."""

    name: str
    data: str
    """Whether it learnt from what the store holds."""
    text: str
    plots: tuple[Plot, ...]
    samples: tuple[SamplePicture, ...]
    settings: str


@dataclass(frozen=True)
class RunsBody:
    """What the section shows."""

    summary: str
    runs: tuple[ReportedRun, ...]
    others: tuple[str, ...]
    """Names of runs that are not shown."""


def runs_body(folder: Path, store: Store) -> RunsBody | None:
    """Gather the runs of a folder, by name; None if there are none."""
    made = {str(stage.get("content")) for stage in store.stages().values()}
    found = run_folders(folder)
    if not found:
        return None
    return RunsBody(
        summary=f"{len(found)} {'run' if len(found) == 1 else 'runs'}",
        runs=tuple(_run(path, f"run-{number}", made) for number, path in enumerate(found[:RUNS])),
        others=tuple(path.name for path in found[RUNS:]),
    )


def run_folders(folder: Path) -> list[Path]:
    """Return the folders that hold a run's records, by name."""
    return sorted(path.parent.parent for path in folder.glob("*/log/metrics.jsonl"))


def _run(folder: Path, name: str, made: set[str]) -> ReportedRun:
    records = _records(folder / "log" / "metrics.jsonl")
    curves = _curves(records)
    curves.pop("learning_rate", None)
    scores = {score: points for score in SCORES if (points := curves.pop(score, []))}
    last = f"{records[-1]['step']:.0f} steps recorded" if records else "nothing recorded yet"
    ends = ", ".join(f"{SCORES[score]} {points[-1][1]:.4g}" for score, points in scores.items())
    plots = []
    if curves:
        plots.append(_losses(curves, f"{name}-losses"))
    plots += [_score(score, points, f"{name}-{score}") for score, points in scores.items()]
    settings = folder / SETTINGS
    return ReportedRun(
        name=folder.name,
        data=_data(folder, made),
        text=f"{last}; validation tiles at the end: {ends}" if ends else last,
        plots=tuple(plots),
        samples=_samples(folder / "samples"),
        settings=settings.read_text(encoding="utf-8", errors="replace")
        if settings.is_file()
        else "",
    )


def _data(folder: Path, made: set[str]) -> str:
    """Say whether a run learnt from the store as it is, by the hashes that it recorded."""
    try:
        recorded = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        learnt = set(str(recorded["data"]["content"]).split())
    except (OSError, ValueError, KeyError, TypeError):
        return "What it was trained on is not recorded"
    return "Trained on this store" if learnt <= made else "Trained on other data than this store"


def _records(path: Path) -> list[dict[str, Any]]:
    """Return the records of a run; a line cut short by a kill is left out."""
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("step"), int | float):
            found.append(record)
    return found


def _curves(records: list[dict[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """Return (step, value) by name of number."""
    curves: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for record in records:
        for name, value in record.items():
            if name != "step" and isinstance(value, int | float) and np.isfinite(value):
                curves[name].append((float(record["step"]), float(value)))
    return dict(curves)


def _losses(curves: dict[str, list[tuple[float, float]]], name: str) -> Plot:
    def draw(axes: Axes) -> None:
        for number, (label, points) in enumerate(curves.items()):
            steps, values = np.array([points[i] for i in evenly(len(points), POINTS)]).T
            dash = DASHES[number // len(SERIES) % len(DASHES)]
            colour = SERIES[number % len(SERIES)]
            axes.plot(steps, np.abs(values), dash, lw=1.2, color=colour, label=plain(label))
        axes.set(xlabel="step", ylabel="loss, magnitude", yscale="log")

    ends = [
        f"{label} {points[0][1]:.3g} to {points[-1][1]:.3g}" for label, points in curves.items()
    ]
    return plot(name, "Losses", f"Losses from first to last record: {', '.join(ends)}", draw)


def _score(score: str, points: list[tuple[float, float]], name: str) -> Plot:
    def draw(axes: Axes) -> None:
        steps, values = np.array([points[i] for i in evenly(len(points), POINTS)]).T
        axes.plot(steps, values, color=SERIES[0], marker=".")
        axes.set(xlabel="step", ylabel=SCORES[score])

    alt = f"From {points[0][1]:.4g} to {points[-1][1]:.4g}"
    return plot(name, f"{SCORES[score]}, of the validation tiles", alt, draw)


def _samples(folder: Path) -> tuple[SamplePicture, ...]:
    paths = sorted(path for path in folder.glob("*.png") if path.stem.isdigit())
    chosen = [paths[i] for i in evenly(len(paths), PICTURES)] if paths else []
    return tuple(sample for path in chosen if (sample := _sample(path)))


def _sample(path: Path) -> SamplePicture | None:
    """Return a sample picture; None if the file is damaged."""
    try:
        with Pillow.open(path) as opened:
            pixels = np.asarray(opened.convert("RGB"))
    except (OSError, ValueError, SyntaxError):
        return None
    side = pixels.shape[1] // 3
    rows = ROWS if side > SIDE else pixels.shape[0] // max(1, side)
    return SamplePicture(int(path.stem), picture(pixels[: max(1, rows) * side]))
