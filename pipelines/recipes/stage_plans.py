"""The plan of one stage, and what every stage's plan is estimated from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

from degrade.store.schema import Domain
from degrade.store.task_results import TaskResults
from pipelines.stage import Stage

if TYPE_CHECKING:
    from degrade.store.reader import Store
    from pipelines.recipes.forecast import Forecast
    from pipelines.recipes.recipe import Recipe
    from pipelines.recipes.runner import RunOptions
    from pipelines.recipes.sample import PhotoSample

WORKER_BYTES = 180_000_000
TORCH_BYTES = 370_000_000
"""What a process holds before its first photo, without and with torch."""

READ, CLEAN, PLAIN = 19, 19, 28
"""Peak bytes per pixel of an 8-bit photo, decoding included: check and mining, pairs with and
without clean-up; kernels have theirs in `degrade.kernels.estimators`. Measured as growth of the
resident set on 24 megapixels; 16-bit photos take up to four times as much."""

STAGE_SECONDS, WRITING = 0.2, 4e-9
"""Seconds that a stage takes beside its tasks, and to write and flush a byte of tiles (SSD)."""

State = Literal["to do", "unfinished", "done", "changed"]


@dataclass(frozen=True)
class StagePlan:
    """One stage: what it gives in all, and what is left to do."""

    stage: str
    state: State
    """"changed": made with other settings or photos, and refused without --overwrite."""
    gives: int
    unit: str
    seconds: float | None
    """What is left, on the threads of the plan; None where it could not be timed."""
    memory: int | None
    """Bytes of each worker at its peak."""
    disk: int
    """Bytes that the finished stage takes."""
    note: str


@dataclass(frozen=True)
class Basis:
    """What every stage's plan is reckoned from."""

    recipe: "Recipe"
    options: "RunOptions"
    steps: Sequence[tuple[Stage, Any]]
    """The recipe's stages with their settings."""
    names: Mapping[Domain, Sequence[str]]
    """Files of each domain."""
    threads: int
    store: "Store | None"
    found: Mapping[str, Mapping[str, Any]]
    sample: "PhotoSample"
    counts: "Forecast"
    factor: float
    """Expected usable files of the folders per usable header."""
    source: int
    """Usable source photos expected."""
    source_pixels: float
    target_pixels: float
    largest: int
    states: Mapping[str, State] = field(default_factory=dict)
    """How far each stage of the store is."""
    planned: Mapping[str, StagePlan] = field(default_factory=dict)
    """Plans of the stages before."""
    known: Mapping[str, float] = field(default_factory=dict)
    """Share of the photos that each stage need not see again: it knows what it measures of them."""
    alone: bool = False
    """Whether to estimate as though no stage did anything for another."""

    def state(self, stage: Stage, settings: Any) -> State:
        """Return how far a stage is."""
        scale = self.recipe.scale
        if self.options.overwrite:
            return "to do"
        found = self.found.get(stage.group_at(scale))
        if found is None:
            begun = TaskResults(self.options.store, stage.task_results_at(scale)).present()
            return "unfinished" if begun else "to do"
        made = found.get("parameters", {})
        if any(made.get(name) != value for name, value in stage.identity(settings).items()):
            return "changed"
        return "done" if found.get("complete") else "unfinished"

    def unknown(self, stage: str) -> float:
        """Return the share of the photos that a stage must see: what is not known, if not done."""
        return 0.0 if self.states.get(stage) == "done" else 1 - self.known.get(stage, 0.0)

    def measures(self) -> dict[str, float]:
        """Return the seconds of what each stage still measures of photos' pixels."""
        to_do = [step for step in self.steps if self.unknown(step[0].name)]
        seconds = {stage.name: stage.measuring(self, settings) for stage, settings in to_do}
        return {n: value * self.unknown(n) for n, value in seconds.items() if value is not None}

    def decode_pass(self, stage: Stage) -> float:
        """Return the seconds to decode photos for a stage and all that measure them after it.

        0 for a stage whose results an earlier one of the same run caches. A plan puts what
        is for the others down to them, see `serving`.
        """
        before, after = self._decoded(stage.name)
        if after == before:
            return 0.0
        decoding = self.decoding("source" if stage.reads == ("source",) else None)
        served = self._served(stage.name)
        own = served.pop(stage.name, 0.0)
        others = 0.0 if self.alone else sum(served.values())
        return decoding * (after - before) + own + others

    def serving(self, stage: Stage) -> dict[str, float]:
        """Return the seconds of what a stage does for others with the photos that it decodes."""
        return {name: s for name, s in self._served(stage.name).items() if name != stage.name}

    def _served(self, stage: str) -> dict[str, float]:
        """Return the seconds of what is measured of the photos that a stage decodes, by stages."""
        before, after = self._decoded(stage)
        found = {}
        for name, seconds in self.measures().items():
            share = max(0.0, min(self.unknown(name), after) - before)
            if share:
                found[name] = seconds * share / self.unknown(name)
        return found

    def _decoded(self, stage: str) -> tuple[float, float]:
        """Return the shares of the photos that were decoded before a stage, and after it.

        Photos that a stage knows are taken to be known to those before it as well.
        """
        before, seeing = 0.0, {self.steps[0][0].name, *self.measures()}
        for name in (one.name for one, _ in self.steps):
            after = max(before, self.unknown(name) if name in seeing else 0.0)
            if name == stage:
                return before, after
            before = after
        return before, before

    def left(self, stage: Stage, seconds: float | None, tasks: int) -> float | None:
        """Return the time of a stage's tasks that are not done yet, see `left_of`."""
        return self.left_of(
            self.states[stage.name], stage.task_results_at(self.recipe.scale), seconds, tasks
        )

    def left_of(self, state: State, group: str, seconds: float | None, tasks: int) -> float | None:
        """Return the time of the tasks that are not done yet, over all threads in whole tasks."""
        if state == "done":
            return 0.0
        if seconds is None:
            return None
        tasks = max(1, tasks)
        begun = TaskResults(self.options.store, group)
        done = len(begun.present()) if state == "unfinished" else 0
        return STAGE_SECONDS + seconds / tasks * ceil(max(0, tasks - done) / self.threads)

    def decoding(self, domain: Domain | None = None) -> float:
        """Return the seconds to read the photos of one domain, or of all."""
        work = self.sample.work
        pixels = self.source_pixels + (self.target_pixels if domain is None else 0)
        return work.decoding / work.pixels * pixels
