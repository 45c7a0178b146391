"""Recipes: what a whole run does, as one validated YAML file."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from degrade.images.decode import DecodePolicy
from degrade.kernels.settings import KernelSettings
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
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


def strip_shared(data: dict[str, Any]) -> dict[str, Any]:
    """Return a dumped recipe without the scale and seed that its stages have from its top."""
    stages = {name: stage for name, stage in data["stages"].items() if stage is not None}
    for name in _SHARING:
        if name in stages:
            stages[name] = {k: v for k, v in stages[name].items() if k not in SHARED_FIELDS}
    if "train" in stages:
        own = {k: v for k, v in stages["train"]["settings"].items() if k not in SHARED_FIELDS}
        stages["train"] = {**stages["train"], "settings": own}
    return {**data, "stages": stages}
