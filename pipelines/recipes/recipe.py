"""Recipes: what a whole run does, as one validated YAML file, shipped or written by somebody."""

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from degrade.errors import SettingsError
from degrade.images.policy import CheckPolicy
from degrade.scales import RecipeScale
from degrade.yaml_settings import merged, override, parse_yaml, read_yaml, validated
from pipelines.stage import Fields, Stage
from pipelines.stage_table import STAGES

SHARED_FIELDS: dict[str, Any] = {"scale": None, "seed": 0}
"""Fields that a recipe sets for all its stages, and their defaults."""
CHOSEN = tuple(stage for stage in STAGES if stage.key)
"""Stages that a recipe chooses, and their settings."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Stages(_Strict):
    """The stages to run, in this order.

    One that is left out, or false, is not run; one without fields is run with its defaults.
    """

    if TYPE_CHECKING:

        def __getattr__(self, field: str) -> Any:
            """Return a stage's settings; None if it is left out."""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for stage in CHOSEN:
            stage.fits(self)
        return self


def _chosen(stage: Stage) -> tuple[Any, Any]:
    """Return the field of a stage as pydantic takes it."""
    if stage.required:
        return stage.settings, Field(description=stage.name)
    return stage.settings | None, Field(default=None, description=stage.name)


if TYPE_CHECKING:
    Stages = _Stages
else:
    Stages = create_model(
        "Stages",
        __base__=_Stages,
        __doc__=_Stages.__doc__,
        __module__=__name__,
        **{stage.key: _chosen(stage) for stage in CHOSEN},
    )


class Recipe(_Strict):
    """A whole run."""

    name: str = Field(pattern=r"^\w[\w.-]*$", description="names the run's folder")
    scale: RecipeScale = Field(description="HR size over LR size, for every stage")
    seed: int = Field(default=0, ge=0, description="seed of every stage")
    target: bool = Field(default=False, description="needs clean target photos (--target)")
    images: CheckPolicy = Field(default=CheckPolicy(), description="what to do with odd images")
    stages: Stages


def stages_of(recipe: Recipe) -> list[tuple[Stage, Any]]:
    """Return the stages that a recipe runs, in order, with their settings."""
    every = [(stage, stage.of(recipe)) for stage in STAGES]
    return [(stage, settings) for stage, settings in every if settings is not None]


def share_fields(data: Fields) -> Fields:
    """Give the scale and seed of a parsed recipe to every stage that has such a field.

    Stages that are false are taken out, and those without fields (None) get their defaults.
    """
    if not isinstance(data.get("stages"), dict):
        return data
    shared = {field: data.get(field, default) for field, default in SHARED_FIELDS.items()}
    wanted = {name: fields for name, fields in data["stages"].items() if fields is not False}
    stages = {name: {} if fields is None else fields for name, fields in wanted.items()}
    for stage in CHOSEN:
        fields = stages.get(stage.key)
        if not isinstance(fields, dict):
            continue
        fields = stage.complete(fields)
        inner = fields.get(stage.inner, {}) if stage.inner else fields
        if isinstance(inner, dict):
            inner = _with_shared(inner, stage.model_of(fields), shared, data)
            stages[stage.key] = {**fields, stage.inner: inner} if stage.inner else inner
    return {**data, "stages": stages}


def _with_shared(fields: Fields, model: type[BaseModel], shared: Fields, recipe: Fields) -> Fields:
    """Add the shared fields to a stage's; its own ones become keys that say what is wrong."""
    known = {k: v for k, v in shared.items() if k in model.model_fields and v is not None}
    defaults = {}
    if "use_target" in model.model_fields:
        defaults["use_target"] = recipe.get("target", False)
    if not any(name in model.model_fields for name in shared):
        return {**defaults, **fields}
    own = {f"{k}: set it once, at the recipe's top": v for k, v in fields.items() if k in shared}
    rest = {k: v for k, v in fields.items() if k not in shared}
    return {**defaults, **rest, **own, **known}


def strip_shared(data: Fields) -> Fields:
    """Return a dumped recipe without the scale and seed that its stages have from its top."""
    stages = {name: stage for name, stage in data["stages"].items() if stage is not None}
    for stage in CHOSEN:
        fields = stages.get(stage.key, {})
        inner = fields.get(stage.inner, {}) if stage.inner else fields
        own = {k: v for k, v in inner.items() if k not in SHARED_FIELDS}
        if fields:
            stages[stage.key] = {**fields, stage.inner: own} if stage.inner else own
    return {**data, "stages": stages}


INCLUDE = "include"
"""Key of a recipe that names another one to start from: a shipped name, or a file beside it."""


def shipped_recipes() -> list[str]:
    """Return the names of the recipes that come with the package."""
    folder = files("pipelines") / "recipes"
    return sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_recipe(name: str, assignments: Sequence[str] = ()) -> Recipe:
    """Load a recipe by file or shipped name, with includes and ``--set`` assignments applied.

    Raises:
        SettingsError: There is no such recipe, or it has faults; the text lists all of them.
    """
    data = override(_read(name, Path(), ()), assignments)
    return validated(Recipe, share_fields(data), name)


def print_recipe(recipe: Recipe) -> str:
    """Return a recipe as YAML with every default; loading it gives the same recipe."""
    plain = strip_shared(recipe.model_dump(mode="json"))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def recipe_schema() -> str:
    """Return the JSON schema of recipes, as editors use it to complete and check YAML.

    A recipe that includes another need not have the required keys; editors may complain there.
    """
    schema = Recipe.model_json_schema()
    schema["properties"][INCLUDE] = {
        "type": "string",
        "description": "a shipped recipe, or a file beside this one, to start from",
    }
    return json.dumps(schema, indent=2)


def _read(name: str, folder: Path, seen: tuple[str, ...]) -> dict[str, Any]:
    """Read a recipe and, under its own fields, the one that it includes."""
    if name in shipped_recipes():
        key = name
        text = (files("pipelines") / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")
        data = parse_yaml(text, name)
    elif _is_file(folder / name):
        key = str((folder / name).resolve())
        data = read_yaml(folder / name)
    else:
        raise SettingsError(
            f"{name}: is neither a recipe file nor one that ships with degrade "
            f"({', '.join(shipped_recipes())})"
        )
    if key in seen:
        raise SettingsError(f"{name}: includes itself; remove one include")
    included = data.pop(INCLUDE, None)
    if included is None:
        return data
    beside = (folder / name).parent
    if (
        not isinstance(included, str)
        or ".." in Path(included).parts
        or Path(included).is_absolute()
    ):
        raise SettingsError(
            f"{name}: include: give a shipped recipe or a file beside this one, not {included!r}"
        )
    return merged(_read(included, beside, (*seen, key)), data)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long, a folder that may not be entered
        return False
