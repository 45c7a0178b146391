"""Settings of TTSR, with the published values as defaults (paper section 4.1 and train.sh)."""

from typing import Self

from pydantic import Field, model_validator

from sr_train.settings.common import Betas, Milestones, ReferenceTraining, Settings, StageSettings

CROP_MULTIPLE = 32
"""HR crops that the critic takes are multiples of this."""


class TtsrSize(Settings):
    """Size of the main network; the defaults are the published one (6.2 million parameters)."""

    features: int = Field(64, ge=1, description="Channels.")
    shallow: int = Field(16, ge=0, description="Residual blocks of LR's shallow features.")
    first: int = Field(16, ge=0, description="Residual blocks at LR's size.")
    second: int = Field(8, ge=0, description="Residual blocks of each of two scales.")
    third: int = Field(4, ge=0, description="Residual blocks of each of three scales.")


class TtsrStage(StageSettings):
    """Adam at a constant rate."""

    learning_rate: float = Field(1e-4, gt=0, description="Adam's rate, of the main network.")
    betas: Betas = Field((0.9, 0.999), description="Adam's decay rates of the two moments.")
    milestones: Milestones = Field(
        (), description="Steps of this stage after which the rate is multiplied by gamma."
    )


class TtsrReconstructionStage(TtsrStage):
    """First stage, L1 alone: 2 epochs of CUFED's 11,871 pictures in batches of 9."""

    steps: int = Field(2_638, ge=0, description="Optimiser steps; 0 leaves the stage out.")


class TtsrAllStage(TtsrStage):
    """Second stage, all four losses: 50 epochs."""

    steps: int = Field(65_950, ge=0, description="Optimiser steps; 0 leaves the stage out.")


class TtsrLoss(Settings):
    """Weights of the second stage's losses (equation 8); pixels are compared in [-1, 1]."""

    reconstruction: float = Field(1.0, ge=0, description="L1 between SR and HR.")
    perceptual: float = Field(1e-2, ge=0, description="MSE of VGG19's relu5_1.")
    transferal: float = Field(
        1e-2, ge=0, description="MSE between SR's features and the transferred textures."
    )
    adversarial: float = Field(1e-3, ge=0, description="WGAN-GP.")


class TtsrSettings(ReferenceTraining):
    """TTSR as its authors train it; TTSR-rec is ``all.steps`` 0, ``reconstruction.steps`` 263800.

    Every step learns from whole references of the crop's pair.
    """

    network: TtsrSize = Field(TtsrSize(), description="Size of the main network.")
    reconstruction: TtsrReconstructionStage = Field(
        TtsrReconstructionStage(), description="First stage: L1 alone."
    )
    all: TtsrAllStage = Field(TtsrAllStage(), description="Second stage: all losses.")
    loss: TtsrLoss = Field(TtsrLoss(), description="Weights of the second stage's losses.")
    extractor_rate: float = Field(
        0.1, ge=0, description="The texture extractor's rate over the main network's; 0 freezes it."
    )
    critic_betas: Betas = Field((0.0, 0.9), description="Adam's decay rates, of the critic.")
    critic_steps: int = Field(2, ge=1, description="Steps of the critic before each one.")

    @model_validator(mode="after")
    def _losses_fit(self) -> Self:
        if not self.all.steps:
            return self
        if not any(self.loss.model_dump().values()):
            raise ValueError("all weights of loss are 0")
        if self.loss.adversarial and self.crop % CROP_MULTIPLE:
            raise ValueError(
                f"the critic needs a crop that is a multiple of {CROP_MULTIPLE}, not {self.crop}; "
                "or set loss.adversarial to 0"
            )
        return self

    @property
    def vgg_layers(self) -> tuple[str, ...]:
        """VGG19's layers that the texture extractor starts from and the perceptual loss compares.

        The extractor copies the layers up to relu3_1.
        """
        perceptual = self.all.steps and self.loss.perceptual
        return ("relu3_1", "relu5_1") if perceptual else ("relu3_1",)

    def without_perceptual(self) -> Self:
        """Return these settings with the perceptual weight 0 (``--no-perceptual``)."""
        loss = self.loss.model_copy(update={"perceptual": 0.0})
        return self.model_validate(self.model_copy(update={"loss": loss}).model_dump())
