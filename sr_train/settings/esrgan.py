"""Settings of ESRGAN, with the published values as defaults."""

from typing import Self

from pydantic import Field, model_validator

from sr_train.settings.choices import Discriminator, FeatureLoss, Objective, PixelLoss
from sr_train.settings.common import (
    FURTHER_TEXT,
    LAYERS_TEXT,
    AdversarialSettings,
    Betas,
    ChosenStage,
    Further,
    Layers,
    LossWeights,
    Milestones,
    check_further,
)
from sr_train.settings.networks import EsrganNetwork, NetworkSettings

SMALLEST_CROP = 24
"""Smallest HR crop for which the patch discriminator returns a logit."""


VGG128_CROP = 128
"""The only HR crop that discriminator vgg128 takes."""

UNET_MULTIPLE = 8
"""HR crops that discriminator unet takes are multiples of this."""


class EsrganPsnrStage(ChosenStage):
    """First stage, the pixel loss alone; the ESRGAN paper's schedule."""

    steps: int = Field(1_000_000, ge=0, description="Optimiser steps; 0 leaves the stage out.")
    learning_rate: float = Field(2e-4, gt=0, description="Adam's rate before the first milestone.")
    betas: Betas = Field((0.9, 0.99), description="Adam's decay rates of the two moments.")
    milestones: Milestones = Field(
        (200_000, 400_000, 600_000, 800_000),
        description="Steps of this stage after which the rate is multiplied by gamma.",
    )


class EsrganGanStage(ChosenStage):
    """Second stage, all three losses; RealSR's schedule."""

    steps: int = Field(60_000, ge=0, description="Optimiser steps; 0 leaves the stage out.")
    learning_rate: float = Field(1e-4, gt=0, description="Adam's rate before the first milestone.")
    betas: Betas = Field((0.9, 0.999), description="Adam's decay rates of the two moments.")
    milestones: Milestones = Field(
        (5_000, 10_000, 20_000, 30_000),
        description="Steps of this stage after which the rate is multiplied by gamma.",
    )


class EsrganLoss(LossWeights):
    """Weights in the generator's loss of the GAN stage (ESRGAN's and RealSR's)."""

    pixel: float = Field(1e-2, ge=0, description="Distance of pixels, see pixel_loss.")
    perceptual: float = Field(1.0, ge=0, description="L1 between VGG19 features; 0 needs no VGG.")
    adversarial: float = Field(5e-3, ge=0, description="GAN term, see objective.")


class EsrganSettings(AdversarialSettings):
    """ESRGAN as RealSR trains it.

    The PSNR stage has the ESRGAN paper's schedule, the GAN stage RealSR's
    (``train_kernel_noise.yml``), the averaged weights are BasicSR's.
    """

    network: EsrganNetwork = Field(
        NetworkSettings(),
        description="The generator, RRDBNet unless another is named, and its size.",
    )
    crop: int = Field(128, ge=SMALLEST_CROP, description="Side of the random HR crop in pixels.")
    psnr: EsrganPsnrStage = Field(
        EsrganPsnrStage(), description="First stage: the pixel loss alone."
    )
    gan: EsrganGanStage = Field(
        EsrganGanStage(),
        description="Second stage: all three losses; generator and discriminator share it.",
    )
    loss: EsrganLoss = Field(EsrganLoss(), description="Weights of the GAN stage's losses.")
    perceptual_layers: Layers = Field({"conv5_4": 1.0}, min_length=1, description=LAYERS_TEXT)
    pixel_loss: PixelLoss = Field("l1", description="Distance of pixels in both stages.")
    perceptual_distance: FeatureLoss = Field(
        "l1", description="Of VGG features: l1, mse, or contextual, with the most alike anywhere."
    )
    further: Further = Field({}, description=f"{FURTHER_TEXT[:-1]}; in the GAN stage.")
    discriminator: Discriminator = Field(
        "patch",
        description="patch: 70x70 patches (RealSR's DPED recipe); vgg128: whole 128x128 crops "
        "(ESRGAN, RealSR's DF2K recipe); unet: pixels, spectral norm (Real-ESRGAN).",
    )
    objective: Objective = Field("ragan", description="GAN objective; ragan is ESRGAN's.")

    @model_validator(mode="after")
    def _crop_fits_the_discriminator(self) -> Self:
        if not self.gan.steps:
            return self
        if self.discriminator == "vgg128" and self.crop != VGG128_CROP:
            raise ValueError(f"discriminator vgg128 needs crop {VGG128_CROP}, not {self.crop}")
        if self.discriminator == "unet" and self.crop % UNET_MULTIPLE:
            raise ValueError(
                f"discriminator unet needs a crop that is a multiple of {UNET_MULTIPLE}, "
                f"not {self.crop}"
            )
        return self

    @model_validator(mode="after")
    def _further_fit(self) -> Self:
        check_further(self.further, self.gan, self.ema, self.crop)
        return self

    @property
    def uses_dists(self) -> bool:
        """Whether a loss needs DISTS' network."""
        return bool(self.gan.steps) and "dists" in self.further
