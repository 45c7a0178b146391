"""Settings of plain training for PSNR, of any network."""

from typing import Self

from pydantic import Field, model_validator

from sr_train.settings.choices import PixelLoss
from sr_train.settings.common import FURTHER_TEXT, Further, TrainingSettings, check_further
from sr_train.settings.esrgan import EsrganPsnrStage
from sr_train.settings.networks import PsnrNetwork, RrdbNetwork


class PsnrSettings(TrainingSettings):
    """One stage with a pixel loss; by default with the schedule of ESRGAN's PSNR stage."""

    network: PsnrNetwork = Field(RrdbNetwork(), description="The network and its size.")
    psnr: EsrganPsnrStage = Field(EsrganPsnrStage(), description="The only stage.")
    pixel_loss: PixelLoss = Field("l1", description="Distance of pixels.")
    further: Further = Field({}, description=FURTHER_TEXT)

    @model_validator(mode="after")
    def _further_fit(self) -> Self:
        check_further(self.further, self.psnr, self.ema, self.crop)
        return self

    @property
    def uses_dists(self) -> bool:
        """Whether a loss needs DISTS' network."""
        return "dists" in self.further
