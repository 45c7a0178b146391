"""Description of `build-references`."""

from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING, Any

from degrade.references import ReferenceSettings
from pipelines.stage import Job, Stage, Work, rebuilding

if TYPE_CHECKING:
    from pipelines.recipes.stage_plans import Basis, StagePlan

DESCRIBING, VERIFYING, COMPARING = 25e-3 / 256**2, 1e-3, 2e-6
"""Seconds: a pixel's local features, a candidate, a pair of tiles."""
FEATURE_BYTES = 5_000_000
"""What the local features of one task's tiles take, at 256 features a tile."""


def _work(job: Job, settings: ReferenceSettings) -> Work:
    from pipelines.stages.build_references import build_references

    return job.report(build_references, settings)


def _plan(basis: "Basis", settings: ReferenceSettings) -> "StagePlan":
    """Estimate from the number of tiles: none is described before there are pairs."""
    from pipelines.recipes.stage_plans import WORKER_BYTES, StagePlan
    from pipelines.reference_search import FEATURES_KEPT, TILES_PER_TASK

    group, pairs = REFERENCES.group_at(settings.scale), basis.planned["build-pairs"].gives
    state = basis.states[REFERENCES.name]
    if state == "done" and basis.states["build-pairs"] != "done":
        state = "changed"
    pixels = basis.recipe.stages.pairs.tile**2
    each = DESCRIBING * pixels + VERIFYING * settings.candidates + COMPARING * pairs
    tasks = ceil(pairs / TILES_PER_TASK)
    seconds = basis.left_of(state, f"{group}/search", each * pairs, tasks)
    memory = WORKER_BYTES + min(tasks, FEATURES_KEPT) * FEATURE_BYTES * settings.features // 256
    gives = pairs * settings.count
    note = "" if state == "done" else "reckoned from the number of tiles, not timed"
    disk = gives * 3 * pixels
    return StagePlan(REFERENCES.name, state, gives, "tiles", seconds, memory, disk, note)


def _by_recipe(recorded: Mapping[str, Any]) -> bool:
    """A recipe has no library of photos beside the pairs."""
    return set(recorded["inputs"]) == {"pairs"}


REFERENCES = Stage(
    name="build-references",
    key="references",
    settings=ReferenceSettings,
    work=_work,
    plan=_plan,
    group="references",
    by_scale=True,
    by_recipe=_by_recipe,
    task_results="{group}/features",
    tiles=("hr",),
    rebuild={
        "build-references": rebuilding("pipelines.stages.build_references", "rebuild_references")
    },
)
