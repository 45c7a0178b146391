"""Settings of SRGAN, with the paper's values as defaults."""

from typing import Self

from pydantic import Field, model_validator

from sr_train.settings.common import (
    LAYERS_TEXT,
    AdversarialSettings,
    Betas,
    ChosenStage,
    Layers,
    LossWeights,
    Milestones,
)
from sr_train.settings.networks import SrganNetwork, SRResNetSettings

CROP_MULTIPLE = 16
"""HR crops that SRGAN's discriminator takes are multiples of this."""


SMALLEST_CROP = 32
"""Smallest HR crop for which the discriminator's last batch norm sees more than one pixel."""


class SrganPsnrStage(ChosenStage):
    """First stage, MSE alone: SRResNet-MSE."""

    steps: int = Field(1_000_000, ge=0, description="Optimiser steps; 0 leaves the stage out.")
    learning_rate: float = Field(1e-4, gt=0, description="Adam's rate before the first milestone.")
    betas: Betas = Field((0.9, 0.999), description="Adam's decay rates of the two moments.")
    milestones: Milestones = Field(
        (), description="Steps of this stage after which the rate is multiplied by gamma."
    )


class SrganGanStage(ChosenStage):
    """Second stage: 100,000 steps at 1e-4, as many at 1e-5."""

    steps: int = Field(200_000, ge=0, description="Optimiser steps; 0 leaves the stage out.")
    learning_rate: float = Field(1e-4, gt=0, description="Adam's rate before the first milestone.")
    betas: Betas = Field((0.9, 0.999), description="Adam's decay rates of the two moments.")
    milestones: Milestones = Field(
        (100_000,), description="Steps of this stage after which the rate is multiplied by gamma."
    )
    gamma: float = Field(0.1, gt=0, le=1, description="Factor on the rate at each milestone.")


class SrganLoss(LossWeights):
    """Weights in the generator's loss of the GAN stage (equation 3)."""

    pixel: float = Field(0.0, ge=0, description="MSE of pixels in [-1, 1]; 1 for SRGAN-MSE.")
    perceptual: float = Field(
        1.0, ge=0, description="MSE of VGG19 features over 12.75; 0 needs no VGG."
    )
    adversarial: float = Field(1e-3, ge=0, description="Mean of -log D(SR).")


class SrganSettings(AdversarialSettings):
    """SRGAN as its paper trains it; SRGAN-VGG54 unless the layers say otherwise."""

    network: SrganNetwork = Field(
        SRResNetSettings(),
        description="The generator, SRResNet unless another is named, and its size.",
    )
    crop: int = Field(
        96,
        ge=1,
        description="Side of the random HR crop in pixels; the discriminator is built for it.",
    )
    psnr: SrganPsnrStage = Field(SrganPsnrStage(), description="First stage: MSE alone.")
    gan: SrganGanStage = Field(
        SrganGanStage(),
        description="Second stage: all three losses; generator and discriminator share it.",
    )
    loss: SrganLoss = Field(SrganLoss(), description="Weights of the GAN stage's losses.")
    perceptual_layers: Layers = Field({"relu5_4": 1.0}, min_length=1, description=LAYERS_TEXT)
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of the averaged weights that are saved; 0 saves the last ones (paper).",
    )

    @model_validator(mode="after")
    def _crop_fits_the_discriminator(self) -> Self:
        if self.gan.steps and (self.crop < SMALLEST_CROP or self.crop % CROP_MULTIPLE):
            raise ValueError(
                f"the GAN stage needs a crop of at least {SMALLEST_CROP} that is a multiple of "
                f"{CROP_MULTIPLE}, not {self.crop}"
            )
        return self
