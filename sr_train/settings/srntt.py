"""Settings of SRNTT, with the released code's values as defaults, where it has any."""

from typing import Self

from pydantic import Field, model_validator

from sr_train.settings.choices import PixelLoss, Weighting
from sr_train.settings.common import Betas, Milestones, ReferenceTraining, Settings, StageSettings

CROP_MULTIPLE = 32
SMALLEST_CROP = 64
"""HR crops that the critic takes are multiples of the first and not below the second: its last
batch norm must see more than one pixel."""
FEWEST_FEATURES = 6
"""Half of them hold a picture's three colours."""


class SrnttSize(Settings):
    """Size of the network; the defaults are the released code's."""

    features: int = Field(64, ge=2, description="Channels.")
    content: int = Field(16, ge=0, description="Residual blocks of the content extractor.")
    blocks: int = Field(
        16,
        ge=0,
        description="Residual blocks of the texture transfer at LR's size; half and a quarter as "
        "many at twice and four times it.",
    )


class SrnttStage(StageSettings):
    """Adam; a step is a batch, learnt from once with each kind of textures."""

    learning_rate: float = Field(1e-4, gt=0, description="Adam's rate before the first milestone.")
    betas: Betas = Field((0.9, 0.999), description="Adam's decay rates of the two moments.")
    milestones: Milestones = Field(
        (), description="Steps of this stage after which the rate is multiplied by gamma."
    )
    gamma: float = Field(0.1, gt=0, le=1, description="Factor on the rate at each milestone.")


class ContentStage(SrnttStage):
    """First stage, the content extractor by itself; the published one was trained elsewhere.

    Its length, 50 epochs of CUFED's 11,871 pictures in batches of 9, is this program's choice.
    """

    steps: int = Field(65_950, ge=0, description="Optimiser steps; 0 leaves the stage out.")


class SrnttReconstructionStage(SrnttStage):
    """Second stage, the texture transfer with L1 alone: 5 epochs."""

    steps: int = Field(6_595, ge=0, description="Optimiser steps; 0 leaves the stage out.")


class SrnttAllStage(SrnttStage):
    """Third stage, all four losses: 50 epochs, with a tenth of the rate from half of them on.

    The released code counts the critic's steps too and so divides the rate twelve times.
    """

    steps: int = Field(65_950, ge=0, description="Optimiser steps; 0 leaves the stage out.")
    milestones: Milestones = Field(
        (32_975,), description="Steps of this stage after which the rate is multiplied by gamma."
    )


class SrnttLoss(Settings):
    """Weights of the third stage's losses; pixels are compared in [-1, 1].

    The values are the released code's, for MatConvNet's VGG19; torchvision's features are of
    another scale, so perceptual and texture weigh something else than they did there.
    """

    reconstruction: float = Field(1.0, ge=0, description="L1 between SR and HR.")
    perceptual: float = Field(1e-4, ge=0, description="MSE of VGG19's relu5_1.")
    texture: float = Field(
        1e-4, ge=0, description="Gram matrices of SR's features and of the swapped maps."
    )
    adversarial: float = Field(1e-6, ge=0, description="WGAN-GP.")


class SrnttSettings(ReferenceTraining):
    """SRNTT as its authors train it; SRNTT-l2's counterpart, with L1, is ``all.steps`` 0."""

    network: SrnttSize = Field(SrnttSize(), description="Size of the network.")
    content: ContentStage = Field(
        ContentStage(), description="First stage: the content extractor by itself."
    )
    reconstruction: SrnttReconstructionStage = Field(
        SrnttReconstructionStage(), description="Second stage: the texture transfer, L1 alone."
    )
    all: SrnttAllStage = Field(SrnttAllStage(), description="Third stage: all losses.")
    content_loss: PixelLoss = Field(
        "mse", description="The first stage's, of pixels in [-1, 1]: mse, l1 or charbonnier."
    )
    loss: SrnttLoss = Field(SrnttLoss(), description="Weights of the third stage's losses.")
    texture_weighting: Weighting = Field(
        "none",
        description="What the texture loss weights positions by: nothing; the similarity (paper); "
        "or a curve that falls with it (released code).",
    )
    start_from_content: bool = Field(
        False,
        description="Begin the texture transfer as the content extractor's own picture, to which "
        "it learns to add textures; false: from random weights (released code).",
    )
    truth: bool = Field(
        True, description="Learn from each batch a second time, with HR's own textures."
    )
    critic_betas: Betas = Field((0.9, 0.999), description="Adam's decay rates, of the critic.")
    critic_steps: int = Field(2, ge=1, description="Steps of the critic before each one.")

    @model_validator(mode="after")
    def _picture_fits(self) -> Self:
        if self.start_from_content and self.network.features < FEWEST_FEATURES:
            raise ValueError(
                f"start_from_content needs network.features of at least {FEWEST_FEATURES}, not "
                f"{self.network.features}"
            )
        return self

    @model_validator(mode="after")
    def _losses_fit(self) -> Self:
        if not self.all.steps:
            return self
        if not any(self.loss.model_dump().values()):
            raise ValueError("all weights of loss are 0")
        crop = self.crop
        if self.loss.adversarial and (crop < SMALLEST_CROP or crop % CROP_MULTIPLE):
            raise ValueError(
                f"the critic needs a crop of at least {SMALLEST_CROP} that is a multiple of "
                f"{CROP_MULTIPLE}, not {crop}; or set loss.adversarial to 0"
            )
        return self

    @property
    def vgg_layers(self) -> tuple[str, ...]:
        """VGG19's layers that textures are matched in, up to relu3_1, and the perceptual loss's."""
        perceptual = self.all.steps and self.loss.perceptual
        return ("relu3_1", "relu5_1") if perceptual else ("relu3_1",)

    def without_perceptual(self) -> Self:
        """Return these settings with the perceptual weight 0 (``--no-perceptual``)."""
        loss = self.loss.model_copy(update={"perceptual": 0.0})
        return self.model_validate(self.model_copy(update={"loss": loss}).model_dump())
