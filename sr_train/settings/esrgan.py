"""Settings of ESRGAN, with the published values as defaults."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from sr_train.settings.common import (
    Betas,
    LayerName,
    Milestones,
    Settings,
    StageSettings,
    TrainingSettings,
)

SMALLEST_CROP = 24
"""Smallest HR crop for which the patch discriminator returns a logit."""


class NetworkSettings(Settings):
    """Size of RRDBNet; the defaults are the published network (16.7 million parameters)."""

    features: int = Field(64, ge=1, description="Channels between the blocks (nf).")
    blocks: int = Field(23, ge=1, description="Residual-in-residual dense blocks (nb).")
    growth: int = Field(32, ge=1, description="Channels that each dense layer adds (gc).")


class PsnrStage(StageSettings):
    """First stage, L1 alone; the ESRGAN paper's schedule."""

    steps: int = Field(1_000_000, ge=0, description="Optimiser steps; 0 leaves the stage out.")
    learning_rate: float = Field(2e-4, gt=0, description="Adam's rate before the first milestone.")
    betas: Betas = Field((0.9, 0.99), description="Adam's decay rates of the two moments.")
    milestones: Milestones = Field(
        (200_000, 400_000, 600_000, 800_000),
        description="Steps of this stage after which the rate is multiplied by gamma.",
    )


class GanStage(StageSettings):
    """Second stage, all three losses; RealSR's schedule."""

    steps: int = Field(60_000, ge=0, description="Optimiser steps; 0 leaves the stage out.")
    learning_rate: float = Field(1e-4, gt=0, description="Adam's rate before the first milestone.")
    betas: Betas = Field((0.9, 0.999), description="Adam's decay rates of the two moments.")
    milestones: Milestones = Field(
        (5_000, 10_000, 20_000, 30_000),
        description="Steps of this stage after which the rate is multiplied by gamma.",
    )


class LossWeights(Settings):
    """Weights in the generator's loss of the GAN stage (ESRGAN's and RealSR's)."""

    pixel: float = Field(1e-2, ge=0, description="L1 between SR and HR.")
    perceptual: float = Field(1.0, ge=0, description="L1 between VGG19 features; 0 needs no VGG.")
    adversarial: float = Field(5e-3, ge=0, description="Relativistic average GAN term.")


class EsrganSettings(TrainingSettings):
    """ESRGAN as RealSR trains it.

    The PSNR stage has the ESRGAN paper's schedule, the GAN stage RealSR's
    (``train_kernel_noise.yml``), the averaged weights are BasicSR's.
    """

    network: NetworkSettings = Field(NetworkSettings(), description="Size of the generator.")
    crop: int = Field(128, ge=SMALLEST_CROP, description="Side of the random HR crop in pixels.")
    psnr: PsnrStage = Field(PsnrStage(), description="First stage: L1 alone.")
    gan: GanStage = Field(
        GanStage(),
        description="Second stage: all three losses; generator and discriminator share it.",
    )
    loss: LossWeights = Field(LossWeights(), description="Weights of the GAN stage's losses.")
    perceptual_layers: dict[LayerName, Annotated[float, Field(gt=0)]] = Field(
        {"conv5_4": 1.0},
        min_length=1,
        description="VGG19 layers and their weights: convN_M before ReLU, reluN_M after.",
    )

    @model_validator(mode="after")
    def _some_loss(self) -> Self:
        if self.gan.steps and not any(self.loss.model_dump().values()):
            raise ValueError("loss.pixel, loss.perceptual and loss.adversarial are all 0")
        return self

    @property
    def vgg_layers(self) -> tuple[str, ...]:
        """VGG19 layers that the perceptual loss compares."""
        return tuple(self.perceptual_layers) if self.gan.steps and self.loss.perceptual else ()

    def without_perceptual(self) -> Self:
        """Return these settings with the perceptual weight 0 (``--no-perceptual``)."""
        loss = self.loss.model_copy(update={"perceptual": 0.0})
        return self.model_validate(self.model_copy(update={"loss": loss}).model_dump())
