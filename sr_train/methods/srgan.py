"""SRGAN: SRResNet trained with MSE, then with VGG54 features and a discriminator.

Ledig et al. 2017, *Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
Network*. Pixels are compared in [-1, 1], as the paper's HR is scaled.
"""

from torch import Tensor

from sr_train.architectures import build
from sr_train.losses.adversarial import discriminator_loss, generator_loss
from sr_train.losses.further_table import LossInputs
from sr_train.losses.perceptual import SRGAN_SCALE, FrozenNetworks, perceptual
from sr_train.losses.pixel import mse
from sr_train.networks.generator import Generator
from sr_train.networks.srgan_discriminator import SrganDiscriminator
from sr_train.settings.srgan import SrganSettings
from sr_train.training.loop import TrainingStage
from sr_train.training.stages import adversarial_stage, generator_stage, initial
from sr_train.training.training_run import Method


def build_generator(settings: SrganSettings, scale: int) -> Generator:
    """Return the network that both stages train."""
    return build(settings.network, scale, "srresnet")


def build_discriminator(settings: SrganSettings) -> SrganDiscriminator:
    """Return the network that the GAN stage trains against."""
    return SrganDiscriminator(settings.crop)


def pixel_mse(sr: Tensor, hr: Tensor) -> Tensor:
    """Return l_MSE (equation 4) of images in [0, 1], with pixels brought to [-1, 1]."""
    return mse(2 * sr - 1, 2 * hr - 1)


def psnr_stage(
    settings: SrganSettings, generator: Generator, frozen: FrozenNetworks
) -> TrainingStage:
    """Return the first stage, SRResNet-MSE."""

    def terms(seen: LossInputs) -> dict[str, Tensor]:
        return {"pixel": pixel_mse(seen.sr, seen.hr)}

    return generator_stage(
        settings.psnr, generator, settings.ema, terms, accumulate=settings.accumulate
    )


def gan_stage(
    settings: SrganSettings, generator: Generator, frozen: FrozenNetworks
) -> TrainingStage:
    """Return the second stage: l_VGG/5,4 + 1e-3 l_Gen (equations 3, 5 and 6).

    l_Gen is the mean of -log D(SR) over the batch, as equation 3 has it per sample.
    """
    weights = settings.loss
    discriminator = initial(build_discriminator, settings, generator)

    def terms(seen: LossInputs) -> dict[str, Tensor]:
        sr, hr = seen.sr, seen.hr
        found = {"pixel": pixel_mse(sr, hr)}
        if weights.perceptual and frozen.vgg is not None:
            layers = settings.perceptual_layers
            found["perceptual"] = perceptual(frozen.vgg, sr, hr, layers, "mse", SRGAN_SCALE)
        if weights.adversarial:
            fake = discriminator(sr)
            found["adversarial"] = generator_loss(fake, fake, "vanilla")
        return found

    def loss_d(real: Tensor, fake: Tensor) -> Tensor:
        return discriminator_loss(real, fake, "vanilla")

    return adversarial_stage(
        settings.gan,
        generator,
        discriminator,
        settings.ema,
        terms=terms,
        weights=weights.model_dump(),
        discriminator_loss=loss_d,
        accumulate=settings.accumulate,
    )


METHOD = Method(build_generator, {"psnr": psnr_stage, "gan": gan_stage}, build_discriminator)
