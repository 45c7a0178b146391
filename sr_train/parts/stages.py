"""The two kinds of stage: a generator by itself, and one against a discriminator."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from degrade.randomness import derive
from sr_train.networks.generator import Generator
from sr_train.parts.batch import Batch, enlarged
from sr_train.parts.device import device_of, placed
from sr_train.parts.ema import start_average
from sr_train.parts.loop import Stage
from sr_train.parts.seeding import seeded
from sr_train.settings.common import StageSettings, TrainingSettings

Loss = Callable[[Tensor, Tensor], Tensor]
"""A scalar from SR and HR, or from logits of real and fake images."""

Terms = Callable[[Tensor, Tensor], dict[str, Tensor]]
"""Named scalars from SR and HR, each still to be weighted."""


Chosen = TypeVar("Chosen", bound=TrainingSettings)
Network = TypeVar("Network", bound=nn.Module)


def initial(build: Callable[[Chosen], Network], settings: Chosen, generator: Generator) -> Network:
    """Return a discriminator with the initial weights of the run's seed, beside its generator."""
    with seeded(derive(settings.seed, "initial-weights", "discriminator")):
        return placed(build(settings), device_of(generator))


def generator_stage(
    settings: StageSettings, generator: Generator, ema: float, pixel_loss: Loss
) -> Stage:
    """Return the stage ``psnr``: the generator is trained by a loss of pixels alone."""
    optimiser = _adam(generator, settings)
    average = start_average(generator, ema)

    def step(batch: Batch) -> dict[str, Tensor]:
        loss = pixel_loss(enlarged(generator, batch), batch.hr)
        update(optimiser, loss)
        return {"pixel": loss.detach()}

    return Stage(
        name="psnr",
        settings=settings,
        step=step,
        live=generator,
        average=average,
        networks={"generator": generator, "average": average},
        optimisers={"generator": optimiser},
    )


def adversarial_stage(
    settings: StageSettings,
    generator: Generator,
    discriminator: nn.Module,
    ema: float,
    *,
    terms: Terms,
    weights: Mapping[str, float],
    discriminator_loss: Loss,
) -> Stage:
    """Return the stage ``gan``: each step updates the generator, then the discriminator.

    Both see the SR of the generator before its update. SR is not clamped for any loss.

    Args:
        settings: Length and schedule, of both networks.
        generator: What is trained.
        discriminator: What it is trained against, on the same device.
        ema: Decay of the averaged weights.
        terms: The generator's losses.
        weights: Their weights, by name.
        discriminator_loss: Of logits of HR and of SR.
    """
    generator_adam = _adam(generator, settings)
    discriminator_adam = _adam(discriminator, settings)
    average = start_average(generator, ema)

    def update_generator(sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        discriminator.requires_grad_(False)
        losses = terms(sr, hr)
        update(generator_adam, torch.stack([weights[name] * losses[name] for name in losses]).sum())
        return {name: loss.detach() for name, loss in losses.items()}

    def update_discriminator(sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        discriminator.requires_grad_(True)
        real, fake = discriminator(hr), discriminator(sr)
        loss = discriminator_loss(real, fake)
        update(discriminator_adam, loss)
        return {
            "discriminator": loss.detach(),
            "logit_real": real.detach().mean(),
            "logit_fake": fake.detach().mean(),
        }

    def step(batch: Batch) -> dict[str, Tensor]:
        sr = enlarged(generator, batch)
        return update_generator(sr, batch.hr) | update_discriminator(sr.detach(), batch.hr)

    return Stage(
        name="gan",
        settings=settings,
        step=step,
        live=generator,
        average=average,
        networks={"generator": generator, "average": average, "discriminator": discriminator},
        optimisers={"generator": generator_adam, "discriminator": discriminator_adam},
    )


def update(optimiser: Optimizer, loss: Tensor) -> None:
    """Take one step down the gradient of a scalar loss."""
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def _adam(network: nn.Module, settings: StageSettings) -> Adam:
    return Adam(network.parameters(), lr=settings.learning_rate, betas=settings.betas)
