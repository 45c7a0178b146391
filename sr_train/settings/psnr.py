"""Settings of plain training for PSNR, of either network."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from sr_train.choices import PixelLoss
from sr_train.settings.common import TrainingSettings
from sr_train.settings.esrgan import NetworkSettings, PsnrStage
from sr_train.settings.srgan import SRResNetSettings


class RrdbNetwork(NetworkSettings):
    """RRDBNet and its size."""

    architecture: Literal["rrdbnet"] = Field("rrdbnet", description="ESRGAN's generator.")


class SRResNetNetwork(SRResNetSettings):
    """SRResNet and its size."""

    architecture: Literal["srresnet"] = Field("srresnet", description="SRGAN's generator.")


def _architecture(network: Any) -> str:
    """Return which network a mapping or model is of; rrdbnet where it does not say."""
    if isinstance(network, dict):
        return str(network.get("architecture", "rrdbnet"))
    return str(getattr(network, "architecture", "rrdbnet"))


Network = Annotated[
    Annotated[RrdbNetwork, Tag("rrdbnet")] | Annotated[SRResNetNetwork, Tag("srresnet")],
    Discriminator(_architecture),
]


class PsnrSettings(TrainingSettings):
    """One stage with a pixel loss; ESRGAN's PSNR stage unless told otherwise."""

    network: Network = Field(RrdbNetwork(), description="The network and its size.")
    psnr: PsnrStage = Field(PsnrStage(), description="The only stage.")
    pixel_loss: PixelLoss = Field("l1", description="Distance of pixels.")
