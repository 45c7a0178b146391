"""Plain training for PSNR: one network, one pixel loss, no discriminator."""

from torch import Tensor

from sr_train.architectures import build
from sr_train.losses.further_table import LossInputs, further_losses
from sr_train.losses.perceptual import FrozenNetworks
from sr_train.losses.pixel import pixel_loss
from sr_train.networks.generator import Generator
from sr_train.settings.psnr import PsnrSettings
from sr_train.training.loop import TrainingStage
from sr_train.training.stages import generator_stage
from sr_train.training.training_run import Method


def build_generator(settings: PsnrSettings, scale: int) -> Generator:
    """Return the network that is trained."""
    return build(settings.network, scale, "rrdbnet")


def psnr_stage(
    settings: PsnrSettings, generator: Generator, frozen: FrozenNetworks
) -> TrainingStage:
    """Return the only stage."""

    def terms(seen: LossInputs) -> dict[str, Tensor]:
        found = {"pixel": pixel_loss(seen.sr, seen.hr, settings.pixel_loss)}
        return found | further_losses(seen, settings.further, frozen.dists)

    weights = {str(name): weight for name, weight in settings.further.items()}
    return generator_stage(
        settings.psnr, generator, settings.ema, terms, weights, settings.accumulate
    )


METHOD = Method(build_generator, {"psnr": psnr_stage})
