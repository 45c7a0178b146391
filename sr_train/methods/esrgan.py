"""ESRGAN as RealSR trains it: a PSNR stage with L1, then a GAN stage with three losses.

Wang et al. 2018, *ESRGAN*; Ji et al. 2020, *Real-World Super-Resolution via Kernel Estimation and
Noise Injection*. The discriminator is the 70x70 patch discriminator of RealSR's paper.
"""

import torch
from torch import Tensor
from torch.optim import Adam

from degrade.randomness import derive
from sr_train.losses.adversarial import discriminator_loss, generator_loss
from sr_train.losses.perceptual import perceptual
from sr_train.losses.pixel import l1
from sr_train.networks.patchgan import PatchDiscriminator
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.networks.vgg19 import VGG19Features
from sr_train.parts.batch import Batch
from sr_train.parts.device import device_of, placed
from sr_train.parts.ema import start_average
from sr_train.parts.loop import Stage
from sr_train.parts.run import Method
from sr_train.parts.seeding import seeded
from sr_train.settings.common import StageSettings
from sr_train.settings.esrgan import EsrganSettings


def build_generator(settings: EsrganSettings, scale: int) -> RRDBNet:
    """Return the network that both stages train."""
    return RRDBNet(scale, **settings.network.model_dump())


def psnr_stage(settings: EsrganSettings, generator: RRDBNet, vgg: VGG19Features | None) -> Stage:
    """Return the first stage: L1 alone."""
    optimiser = _adam(generator, settings.psnr)
    average = start_average(generator, settings.ema)

    def step(batch: Batch) -> dict[str, Tensor]:
        loss = l1(generator(batch.lr), batch.hr)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return {"pixel": loss.detach()}

    return Stage(
        name="psnr",
        settings=settings.psnr,
        step=step,
        live=generator,
        average=average,
        networks={"generator": generator, "average": average},
        optimisers={"generator": optimiser},
    )


def gan_stage(settings: EsrganSettings, generator: RRDBNet, vgg: VGG19Features | None) -> Stage:
    """Return the second stage: each step updates the generator, then the discriminator.

    Both see the SR of the generator before its update. SR is not clamped for any loss.
    """
    weights, layers = settings.loss, settings.perceptual_layers
    with seeded(derive(settings.seed, "initial-weights", "discriminator")):
        discriminator = placed(PatchDiscriminator(), device_of(generator))
    generator_adam = _adam(generator, settings.gan)
    discriminator_adam = _adam(discriminator, settings.gan)
    average = start_average(generator, settings.ema)

    def update_generator(sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        discriminator.requires_grad_(False)
        terms = {"pixel": l1(sr, hr)}
        if weights.perceptual and vgg is not None:
            terms["perceptual"] = perceptual(vgg, sr, hr, layers)
        if weights.adversarial:
            terms["adversarial"] = generator_loss(discriminator(hr), discriminator(sr))
        loss = torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
        generator_adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        generator_adam.step()
        return {name: term.detach() for name, term in terms.items()}

    def update_discriminator(sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        discriminator.requires_grad_(True)
        real, fake = discriminator(hr), discriminator(sr)
        loss = discriminator_loss(real, fake)
        discriminator_adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        discriminator_adam.step()
        return {
            "discriminator": loss.detach(),
            "logit_real": real.detach().mean(),
            "logit_fake": fake.detach().mean(),
        }

    def step(batch: Batch) -> dict[str, Tensor]:
        sr = generator(batch.lr)
        return update_generator(sr, batch.hr) | update_discriminator(sr.detach(), batch.hr)

    return Stage(
        name="gan",
        settings=settings.gan,
        step=step,
        live=generator,
        average=average,
        networks={"generator": generator, "average": average, "discriminator": discriminator},
        optimisers={"generator": generator_adam, "discriminator": discriminator_adam},
    )


def _adam(network: torch.nn.Module, stage: StageSettings) -> Adam:
    return Adam(network.parameters(), lr=stage.learning_rate, betas=stage.betas)


METHOD = Method(build_generator, {"psnr": psnr_stage, "gan": gan_stage})
