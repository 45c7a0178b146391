"""What the settings of methods that learn from reference pictures share."""

from typing import Self

from pydantic import Field, model_validator

from sr_train.settings.common import TrainingSettings, VggUse

REFERENCE_SCALE = 4
"""The only magnification that the published networks are built for."""


class ReferenceTraining(TrainingSettings):
    """CUFED's pictures of 160 pixels in batches of 9, LR made without noise; SRNTT's and TTSR's."""

    crop: int = Field(160, ge=1, description="Side of the random HR crop in pixels.")
    batch: int = Field(9, ge=1, description="Crops per step.")
    noise: bool = Field(False, description="Inject a random patch of the noise bank into each LR.")
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of the averaged weights that are saved; 0 saves the last ones (paper).",
    )
    references: int = Field(
        1,
        ge=1,
        le=16,
        description="References of each crop, drawn among those stored for its pair; "
        "the best ones in validation.",
    )
    unrelated: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the crops that get another pair's references, so that the network "
        "learns to do without good ones; the published trainings have none.",
    )

    @model_validator(mode="after")
    def _whole_batches(self) -> Self:
        if self.accumulate > 1:
            raise ValueError("accumulate is for psnr, esrgan and srgan: lower batch instead")
        return self

    @property
    def vgg_use(self) -> VggUse:
        """What VGG19 is for; no option does without it."""
        return VggUse("matching textures", "fetch them with --download-vgg")
