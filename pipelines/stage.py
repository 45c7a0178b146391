"""What a stage is: all that recipe, runner, plan, `verify` and report know of it.

A stage is described once, by a `Stage` in a file of its own in `pipelines.descriptions`, and listed
once, in `pipelines.stage_table`. What is heavy to load is imported by the described functions.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from degrade.store.schema import Domain

if TYPE_CHECKING:
    from degrade.store.reader import Store
    from pipelines.execution.cluster import Client
    from pipelines.photos.cache import PhotoCache, PhotoMeasure
    from pipelines.recipes.recipe import Recipe
    from pipelines.recipes.runner import RunOptions
    from pipelines.recipes.stage_plans import Basis, StagePlan
    from pipelines.report.section import Draft

Fields = dict[str, Any]
"""What a recipe's YAML says of one stage."""
Work = Callable[[], Mapping[str, Any]]
"""Does a stage's work and returns its report."""
Rebuild = Callable[["Store", "Client", str, Sequence[int]], None]
"""Makes chosen chunks of a finished group's tiles anew; takes the store, where to run, the group
and the chunks."""


def rebuilding(module: str, name: str) -> Rebuild:
    """Return a function of a module that is loaded when chunks are to be made anew."""

    def rebuild(store: "Store", client: "Client", group: str, chunks: Sequence[int]) -> None:
        getattr(import_module(module), name)(store, client, group, chunks)

    return rebuild


@dataclass(frozen=True)
class Job:
    """One run of a recipe, as every stage gets it."""

    recipe: "Recipe"
    options: "RunOptions"
    client: "Client"
    folder: Path
    """Where the run's results go."""
    cache: "PhotoCache"
    """The one decoding of each photo, which serves all stages that measure something of it."""

    def report(self, stage: Callable[..., Any], settings: Any, **more: Any) -> Work:
        """Return what does the work of a stage's function and returns its report as a dict."""
        place, overwrite = (self.options.store, self.client), self.options.overwrite
        return lambda: asdict(stage(*place, settings, overwrite=overwrite, **more))


def _as_written(fields: Fields) -> Fields:
    return fields


def _fits(stages: Any) -> None:
    """Accept any other stages beside this one."""


def _measures_nothing(settings: Any) -> "Mapping[Domain, PhotoMeasure]":
    return {}


def _takes_no_time(basis: "Basis", settings: Any) -> float | None:
    return None


def _no_sections(store: "Store") -> "Iterator[Draft]":
    return iter(())


def _by_recipe(recorded: Mapping[str, Any]) -> bool:
    return True


def _whole(settings: BaseModel) -> dict[str, Any]:
    return settings.model_dump(mode="json")


@dataclass(frozen=True)
class Stage:
    """One stage of a run.

    Attributes:
        name: Its command, and the name that its group and the manifest record.
        key: Its key under a recipe's ``stages``; empty for the stage that every run begins with,
            whose settings are the recipe's ``images``.
        settings: Type of its settings, as pydantic takes it.
        work: Takes the job and the settings, and returns what does the work. Called for all stages
            before the first one works: what can be known to fail fails here.
        plan: Estimates what is left of it.
        group: Its group in the store; empty if it writes elsewhere.
        by_scale: Whether it has such a group for each scale.
        result: Where it writes elsewhere: a file of the run's folder, by the folder.
        required: Whether a recipe must have it.
        model: The model that a recipe's fields for it are of.
        complete: Adds what the fields of a recipe imply and pydantic needs.
        inner: Key of its fields that hold what follows the recipe's scale and seed, if not all do.
        fits: Refuses, by ValueError, other stages of the recipe that it cannot follow.
        reads: Domains whose photos it refers to by their rows in `sources`.
        measures: What it measures of each decoded photo, by domain. A stage that measures nothing
            decodes for itself.
        measuring: Seconds that this takes for all photos; None where it measures nothing.
        identity: The settings that a finished group must have been made with.
        task_results: Group where the results of finished tasks are kept, one of each task.
        by_recipe: Whether a recipe can have made a finished group of it, by the group's attributes.
        sections: Its sections of the report.
        tiles: Arrays of tiles that ``rebuild`` makes.
        rebuild: How tiles are made anew, by the stage that is recorded in the group.
    """

    name: str
    key: str
    settings: Any
    work: Callable[[Job, Any], Work]
    plan: Callable[["Basis", Any], "StagePlan"]
    group: str = ""
    by_scale: bool = False
    result: Callable[[Path], Path] | None = None
    required: bool = False
    model: Callable[[Fields], type[BaseModel]] | None = None
    complete: Callable[[Fields], Fields] = _as_written
    inner: str = ""
    fits: Callable[[Any], None] = _fits
    reads: tuple[Domain, ...] = ()
    measures: Callable[[Any], "Mapping[Domain, PhotoMeasure]"] = _measures_nothing
    measuring: Callable[["Basis", Any], float | None] = _takes_no_time
    identity: Callable[[Any], dict[str, Any]] = _whole
    task_results: str = "{group}"
    by_recipe: Callable[[Mapping[str, Any]], bool] = _by_recipe
    sections: Callable[["Store"], "Iterator[Draft]"] = _no_sections
    tiles: tuple[str, ...] = ()
    rebuild: Mapping[str, Rebuild] = field(default_factory=dict)

    def of(self, recipe: "Recipe") -> Any:
        """Return its settings in a recipe; None if the recipe leaves it out."""
        return getattr(recipe.stages, self.key) if self.key else recipe.images

    def group_at(self, scale: int) -> str:
        """Return its group in the store for one scale."""
        return f"{self.group}/x{scale}" if self.by_scale else self.group

    def task_results_at(self, scale: int) -> str:
        """Return the group of its finished pieces for one scale."""
        return self.task_results.format(group=self.group_at(scale))

    def groups(self, found: Iterable[str]) -> list[str]:
        """Return those of a store's groups that are its own."""
        return [group for group in found if group.split("/")[0] == self.group]

    def model_of(self, fields: Fields) -> type[BaseModel]:
        """Return the model of its settings that a recipe's fields are for."""
        model: type[BaseModel] = self.model(fields) if self.model else self.settings
        return model


def scale_of(group: str) -> int:
    """Return the scale that a group such as ``pairs/x4`` is for."""
    return int(group.rsplit("/x", 1)[1])
