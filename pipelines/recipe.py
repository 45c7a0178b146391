"""Recipes: what a whole run does, as one validated YAML file."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from degrade.camera.settings import CameraSettings
from degrade.images.decode import DecodePolicy
from degrade.kernels.settings import (
    KernelSettings,
    SpectralSettings,
    settings_model,
    with_estimator,
)
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.references import ReferenceSettings
from sr_train.settings import METHODS
from sr_train.settings.common import TrainingSettings
from sr_train.settings.esrgan import EsrganSettings
from sr_train.settings.psnr import PsnrSettings
from sr_train.settings.reference import REFERENCE_SCALE, ReferenceTraining
from sr_train.settings.srgan import SrganSettings
from sr_train.settings.srntt import SrnttSettings
from sr_train.settings.ttsr import TtsrSettings

SHARED_FIELDS: dict[str, Any] = {"scale": None, "seed": 0}
"""Fields that a recipe sets for all its stages, and their defaults."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EsrganStage(_Strict):
    """Training ESRGAN on the pairs that the earlier stages built."""

    method: Literal["esrgan"] = Field(description="what to train")
    settings: EsrganSettings = Field(default=EsrganSettings(), description="the method's settings")


class SrganStage(_Strict):
    """Training SRGAN on the pairs that the earlier stages built."""

    method: Literal["srgan"] = Field(description="what to train")
    settings: SrganSettings = Field(default=SrganSettings(), description="the method's settings")


class PsnrStage(_Strict):
    """Training for PSNR alone on the pairs that the earlier stages built."""

    method: Literal["psnr"] = Field(description="what to train")
    settings: PsnrSettings = Field(default=PsnrSettings(), description="the method's settings")


class SrnttStage(_Strict):
    """Training SRNTT on the pairs and references that the earlier stages built."""

    method: Literal["srntt"] = Field(description="what to train")
    settings: SrnttSettings = Field(default=SrnttSettings(), description="the method's settings")


class TtsrStage(_Strict):
    """Training TTSR on the pairs and references that the earlier stages built."""

    method: Literal["ttsr"] = Field(description="what to train")
    settings: TtsrSettings = Field(default=TtsrSettings(), description="the method's settings")


TrainStage = EsrganStage | SrganStage | PsnrStage | SrnttStage | TtsrStage


class Stages(_Strict):
    """The stages to run, in this order.

    One that is left out, or false, is not run; one without fields is run with its defaults.
    """

    kernels: (
        Annotated[SpectralSettings | KernelSettings, Field(discriminator="estimator")] | None
    ) = Field(default=None, description="estimate-kernels")
    noise: NoiseSettings | None = Field(default=None, description="mine-noise")
    camera: CameraSettings | None = Field(default=None, description="estimate-camera")
    pairs: PairSettings = Field(description="build-pairs")
    references: ReferenceSettings | None = Field(default=None, description="build-references")
    train: Annotated[TrainStage, Field(discriminator="method")] | None = Field(
        default=None, description="train"
    )

    @model_validator(mode="after")
    def _camera_is_found(self) -> Self:
        if self.pairs.degradation == "camera" and self.camera is None:
            raise ValueError("pairs.degradation camera needs cameras: add the stage `camera: {}`")
        return self

    @model_validator(mode="after")
    def _references_fit(self) -> Self:
        if self.train is None or not isinstance(self.train.settings, ReferenceTraining):
            return self
        method, wanted = self.train.method, self.train.settings.references
        if self.references is None:
            raise ValueError(f"{method} learns from references: add the stage `references: {{}}`")
        if self.pairs.scale != REFERENCE_SCALE:
            raise ValueError(f"{method} is built for scale {REFERENCE_SCALE}: set it at the top")
        if wanted > self.references.count:
            raise ValueError(
                f"{method} asks for {wanted} references of each pair: set references.count"
            )
        return self


class Recipe(_Strict):
    """A whole run."""

    name: str = Field(pattern=r"^\w[\w.-]*$", description="names the run's folder")
    scale: Literal[2, 3, 4] = Field(description="HR size over LR size, for every stage")
    seed: int = Field(default=0, ge=0, description="seed of every stage")
    target: bool = Field(default=False, description="needs clean target photos (--target)")
    images: DecodePolicy = Field(default=DecodePolicy(), description="what to do with odd images")
    stages: Stages


def share_fields(data: dict[str, Any]) -> dict[str, Any]:
    """Give the scale and seed of a parsed recipe to every stage that has such a field.

    Stages that are false are taken out, and those without fields (None) get their defaults.
    """
    if not isinstance(data.get("stages"), dict):
        return data
    shared = {field: data.get(field, default) for field, default in SHARED_FIELDS.items()}
    wanted = {name: fields for name, fields in data["stages"].items() if fields is not False}
    stages = {name: {} if fields is None else fields for name, fields in wanted.items()}
    if isinstance(stages.get("kernels"), dict):
        fields = with_estimator(stages["kernels"])
        stages["kernels"] = _with_shared(fields, settings_model(fields), shared)
    if isinstance(stages.get("camera"), dict):
        stages["camera"] = _with_shared(stages["camera"], CameraSettings, shared)
    if isinstance(stages.get("pairs"), dict):
        target = {"use_target": data.get("target", False)}
        stages["pairs"] = target | _with_shared(stages["pairs"], PairSettings, shared)
    if isinstance(stages.get("references"), dict):
        stages["references"] = _with_shared(stages["references"], ReferenceSettings, shared)
    train = stages.get("train")
    if isinstance(train, dict) and isinstance(train.get("settings", {}), dict):
        model = METHODS.get(str(train.get("method")), TrainingSettings)
        settings = _with_shared(train.get("settings", {}), model, shared)
        stages["train"] = {**train, "settings": settings}
    return {**data, "stages": stages}


def _with_shared(
    fields: dict[str, Any], model: type[BaseModel], shared: dict[str, Any]
) -> dict[str, Any]:
    """Add the shared fields to a stage's; its own ones become keys that say what is wrong."""
    own = {f"{k}: set it once, at the recipe's top": v for k, v in fields.items() if k in shared}
    rest = {k: v for k, v in fields.items() if k not in shared}
    known = {k: v for k, v in shared.items() if k in model.model_fields and v is not None}
    return {**rest, **own, **known}


def strip_shared(data: dict[str, Any]) -> dict[str, Any]:
    """Return a dumped recipe without the scale and seed that its stages have from its top."""
    stages = {name: stage for name, stage in data["stages"].items() if stage is not None}
    for name in ("kernels", "camera", "pairs", "references"):
        if name in stages:
            stages[name] = {k: v for k, v in stages[name].items() if k not in SHARED_FIELDS}
    if "train" in stages:
        own = {k: v for k, v in stages["train"]["settings"].items() if k not in SHARED_FIELDS}
        stages["train"] = {**stages["train"], "settings": own}
    return {**data, "stages": stages}
