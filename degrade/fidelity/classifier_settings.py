"""Settings of the test whether a classifier separates synthetic LR from real photos."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from degrade.noise.model_names import DEFAULT_NOISE, NoiseName
from degrade.store.schema import Domain

FEWEST_PHOTOS = 6
"""Four photos to train on and two to judge on."""


class FidelitySettings(BaseModel):
    """How the classifier is trained and judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: int = Field(default=4, ge=1, le=8, description="which pairs")
    domain: Domain = Field(
        default="source",
        description="whose pairs' LR is set against the photos: made of them, or of clean targets",
    )
    noise_models: tuple[NoiseName, ...] = Field(
        default=(DEFAULT_NOISE,), min_length=1, description="noise that is injected, a column each"
    )
    patch: int = Field(default=32, ge=32, le=256, description="side of a patch, pixels")
    photos: int = Field(default=64, ge=FEWEST_PHOTOS, description="photos looked at, at most")
    patches: int = Field(default=128, ge=8, description="patches of each photo")
    splits: int = Field(default=3, ge=1, description="times that the photos are split anew")
    steps: int = Field(default=400, ge=1, description="training steps of the classifier")
    batch: int = Field(default=64, ge=2, description="patches per step, half of them real")
    learning_rate: float = Field(default=2e-3, gt=0, description="Adam's rate, falling to 0")
    seed: int = Field(default=0, ge=0, description="seed of patches, splits and weights")

    @model_validator(mode="after")
    def _each_model_once(self) -> Self:
        if len(set(self.noise_models)) < len(self.noise_models):
            raise ValueError("noise_models names one twice; give each once")
        return self
