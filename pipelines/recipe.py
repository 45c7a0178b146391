"""Recipes: what a whole run does, as one validated YAML file."""

from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from degrade.images.policy import ScanPolicy
from degrade.scales import RecipeScale
from pipelines.stage import Fields, Stage
from pipelines.stage_table import STAGES

SHARED_FIELDS: dict[str, Any] = {"scale": None, "seed": 0}
"""Fields that a recipe sets for all its stages, and their defaults."""
CHOSEN = tuple(stage for stage in STAGES if stage.key)
"""Stages of which a recipe says whether and how they run."""


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
    images: ScanPolicy = Field(default=ScanPolicy(), description="what to do with odd images")
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
