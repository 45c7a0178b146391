"""ESRGAN as RealSR trains it: a PSNR stage with L1, then a GAN stage with three losses.

Wang et al. 2018, *ESRGAN*; Ji et al. 2020, *Real-World Super-Resolution via Kernel Estimation and
Noise Injection*. The discriminator is RealSR's 70x70 patch one unless the settings say otherwise.
"""

from torch import Tensor

from sr_train.architectures import Discriminator, build
from sr_train.losses.adversarial import discriminator_loss, generator_loss, needs_real
from sr_train.losses.further_table import LossInputs, further_losses
from sr_train.losses.perceptual import FrozenNetworks, perceptual
from sr_train.losses.pixel import pixel_loss
from sr_train.networks.generator import Generator
from sr_train.networks.patchgan import PatchDiscriminator
from sr_train.networks.unet import UNetDiscriminator
from sr_train.networks.vgg128 import Vgg128Discriminator
from sr_train.settings.esrgan import EsrganSettings
from sr_train.training.loop import TrainingStage
from sr_train.training.stages import adversarial_stage, generator_stage, initial
from sr_train.training.training_run import Method


def build_generator(settings: EsrganSettings, scale: int) -> Generator:
    """Return the network that both stages train."""
    return build(settings.network, scale, "rrdbnet")


def build_discriminator(settings: EsrganSettings) -> Discriminator:
    """Return the network that the GAN stage trains against."""
    match settings.discriminator:
        case "patch":
            return PatchDiscriminator()
        case "vgg128":
            return Vgg128Discriminator()
        case "unet":
            return UNetDiscriminator()


def psnr_stage(
    settings: EsrganSettings, generator: Generator, frozen: FrozenNetworks
) -> TrainingStage:
    """Return the first stage: L1 (or another pixel loss) alone."""

    def terms(seen: LossInputs) -> dict[str, Tensor]:
        return {"pixel": pixel_loss(seen.sr, seen.hr, settings.pixel_loss)}

    return generator_stage(
        settings.psnr, generator, settings.ema, terms, accumulate=settings.accumulate
    )


def gan_stage(
    settings: EsrganSettings, generator: Generator, frozen: FrozenNetworks
) -> TrainingStage:
    """Return the second stage: L_percep + lambda L_G + eta L_1 (section 3.3)."""
    weights, objective = settings.loss, settings.objective
    discriminator = initial(build_discriminator, settings, generator)

    def terms(seen: LossInputs) -> dict[str, Tensor]:
        sr, hr = seen.sr, seen.hr
        found = {"pixel": pixel_loss(sr, hr, settings.pixel_loss)}
        if weights.perceptual and frozen.vgg is not None:
            found["perceptual"] = perceptual(
                frozen.vgg, sr, hr, settings.perceptual_layers, settings.perceptual_distance
            )
        if weights.adversarial:
            fake = discriminator(sr)
            real = discriminator(hr) if needs_real(objective) else fake
            found["adversarial"] = generator_loss(real, fake, objective)
        return found | further_losses(seen, settings.further, frozen.dists)

    def loss_d(real: Tensor, fake: Tensor) -> Tensor:
        return discriminator_loss(real, fake, objective)

    return adversarial_stage(
        settings.gan,
        generator,
        discriminator,
        settings.ema,
        terms=terms,
        weights=weights.model_dump() | settings.further,
        discriminator_loss=loss_d,
        accumulate=settings.accumulate,
    )


METHOD = Method(build_generator, {"psnr": psnr_stage, "gan": gan_stage}, build_discriminator)
