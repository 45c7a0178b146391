"""The report's timings: the stages of every recipe that was run, from their manifests."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.recipes.runner import MANIFEST


@dataclass(frozen=True)
class StageTiming:
    """One stage of a run; ``share`` is its percentage of the run's time."""

    name: str
    time: str
    share: float
    skipped: bool


@dataclass(frozen=True)
class RecipeRun:
    """One run of a recipe."""

    name: str
    total: str
    stages: tuple[StageTiming, ...]
    software: str


@dataclass(frozen=True)
class TimingsBody:
    """What the section shows; ``unreadable`` are manifests that could not be read."""

    summary: str
    runs: tuple[RecipeRun, ...]
    unreadable: tuple[str, ...]


def timings_body(folder: Path) -> TimingsBody | None:
    """Gather the manifests of a folder of runs, by name; None if there are none."""
    runs: list[RecipeRun] = []
    unreadable: list[str] = []
    for path in sorted(folder.glob(f"*/{MANIFEST}")):
        try:
            runs.append(_run(path.parent.name, json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, KeyError, TypeError):
            unreadable.append(f"{path.parent.name}/{MANIFEST}")
    if not runs and not unreadable:
        return None
    summary = f"{len(runs)} recipe{'' if len(runs) == 1 else 's'} run"
    return TimingsBody(summary, tuple(runs), tuple(unreadable))


def _run(name: str, manifest: dict[str, Any]) -> RecipeRun:
    stages = manifest["stages"]
    total = sum(float(stage["seconds"]) for stage in stages)
    return RecipeRun(
        name=name,
        total=_time(total),
        stages=tuple(
            StageTiming(
                name=str(stage["stage"]),
                time=_time(float(stage["seconds"])),
                share=round(100 * float(stage["seconds"]) / total, 1) if total else 0.0,
                skipped=bool(stage["skipped"]),
            )
            for stage in stages
        ),
        software=", ".join(f"{name} {v}" for name, v in manifest["software"].items()),
    )


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.1f} min" if minutes < 100 else f"{hours:.1f} h"
