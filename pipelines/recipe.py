"""Recipes: what a whole run does, as one validated YAML file."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from degrade.errors import SettingsError
from degrade.images.decode import DecodePolicy
from degrade.kernels.settings import KernelSettings
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.settings import override, parse_yaml, read_yaml, validated
from sr_train.settings import EsrganSettings

SHARED_FIELDS: dict[str, Any] = {"scale": None, "seed": 0}
"""Fields that a recipe sets for all its stages, and their defaults."""
_SHARING: dict[str, type[BaseModel]] = {"kernels": KernelSettings, "pairs": PairSettings}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainStage(_Strict):
    """Training on the pairs that the earlier stages built."""

    method: Literal["esrgan"] = Field(description="what to train")
    settings: EsrganSettings = Field(default=EsrganSettings(), description="the method's settings")


class Stages(_Strict):
    """The stages to run, in this order; one that is left out is not run."""

    kernels: KernelSettings | None = Field(default=None, description="estimate-kernels")
    noise: NoiseSettings | None = Field(default=None, description="mine-noise")
    pairs: PairSettings = Field(description="build-pairs")
    train: TrainStage | None = Field(default=None, description="train")


class Recipe(_Strict):
    """A whole run."""

    name: str = Field(pattern=r"^[\w.-]+$", description="names the run's folder")
    scale: Literal[2, 3, 4] = Field(description="HR size over LR size, for every stage")
    seed: int = Field(default=0, ge=0, description="seed of every stage")
    target: bool = Field(default=False, description="needs clean target photos (--target)")
    images: DecodePolicy = Field(default=DecodePolicy(), description="what to do with odd images")
    stages: Stages

    @model_validator(mode="before")
    @classmethod
    def _share(cls, data: Any) -> Any:
        """Give the recipe's scale and seed to every stage that has such a field."""
        if not isinstance(data, dict) or not isinstance(data.get("stages"), dict):
            return data
        shared = {field: data.get(field, default) for field, default in SHARED_FIELDS.items()}
        stages = dict(data["stages"])
        for name, model in _SHARING.items():
            if isinstance(stages.get(name), dict):
                stages[name] = _with_shared(stages[name], model, shared, f"stages.{name}")
        train = stages.get("train")
        if isinstance(train, dict) and isinstance(train.get("settings", {}), dict):
            path = "stages.train.settings"
            settings = _with_shared(train.get("settings", {}), EsrganSettings, shared, path)
            stages["train"] = {**train, "settings": settings}
        return {**data, "stages": stages}


def _with_shared(
    fields: dict[str, Any], model: type[BaseModel], shared: dict[str, Any], path: str
) -> dict[str, Any]:
    own = [field for field in shared if field in fields]
    if own:
        raise ValueError(f"{path}.{own[0]}: set it once, at the recipe's top")
    known = {k: v for k, v in shared.items() if k in model.model_fields and v is not None}
    return {**fields, **known}


def shipped_recipes() -> list[str]:
    """Return the names of the recipes that come with the package."""
    folder = files("pipelines") / "recipes"
    return sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_recipe(name: str, assignments: Sequence[str] = ()) -> Recipe:
    """Load a recipe by file or shipped name, with ``--set`` assignments applied.

    Raises:
        SettingsError: There is no such recipe, or it has faults; the text lists all of them.
    """
    if name in shipped_recipes():
        text = (files("pipelines") / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")
        data = parse_yaml(text, name)
    elif Path(name).is_file():
        data = read_yaml(Path(name))
    else:
        raise SettingsError(
            f"{name}: is neither a recipe file nor one that ships with degrade "
            f"({', '.join(shipped_recipes())})"
        )
    return validated(Recipe, override(data, assignments), name)
