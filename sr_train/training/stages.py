"""The two kinds of stage: a generator by itself, and one against a discriminator."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from degrade.randomness import derive
from sr_train.compute.device import device_of, evaluating, seeded, to_device
from sr_train.data.batch import Batch, enlarged
from sr_train.losses.further_table import LossInputs
from sr_train.networks.generator import Generator
from sr_train.settings.common import StageSettings, TrainingSettings, averages
from sr_train.training.loop import TrainingStage
from sr_train.training.optimisers import optimiser_for, start_average

Loss = Callable[[Tensor, Tensor], Tensor]
"""A scalar from SR and HR, or from logits of real and fake images."""

Terms = Callable[[LossInputs], dict[str, Tensor]]
"""Named scalars, each still to be weighted."""


Chosen = TypeVar("Chosen", bound=TrainingSettings)
Network = TypeVar("Network", bound=nn.Module)


def initial(build: Callable[[Chosen], Network], settings: Chosen, generator: Generator) -> Network:
    """Return a discriminator with the initial weights of the run's seed, beside its generator."""
    with seeded(derive(settings.seed, "initial-weights", "discriminator")):
        return to_device(build(settings), device_of(generator))


def generator_stage(
    settings: StageSettings,
    generator: Generator,
    ema: float,
    terms: Terms,
    weights: Mapping[str, float] | None = None,
    accumulate: int = 1,
) -> TrainingStage:
    """Return the stage ``psnr``: the generator is trained by losses of pixels alone.

    Args:
        settings: Length and schedule.
        generator: What is trained.
        ema: Decay of the averaged weights.
        terms: The losses.
        weights: Their weights, by name; 1 where there is none.
        accumulate: Parts that a batch is learnt from in; gradients are those of its mean.
    """
    optimiser = optimiser_for(generator, settings)
    average = _average(generator, ema, settings)

    def step(batch: Batch) -> dict[str, Tensor]:
        optimiser.zero_grad()
        found = _Means()
        for share, part in _parts(batch, accumulate):
            losses = terms(_loss_inputs(enlarged(generator, part), part, average))
            _backward(share * _weighted(losses, weights or {}))
            found.add(share, {name: loss.detach() for name, loss in losses.items()})
        optimiser.step()
        return found.values

    return TrainingStage(
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
    accumulate: int = 1,
) -> TrainingStage:
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
        accumulate: Parts that a batch is learnt from in; gradients are those of its mean, and what
            a loss takes over a batch (relativistic means, batch norm) is taken over a part.
    """
    generator_optimiser = optimiser_for(generator, settings)
    discriminator_optimiser = optimiser_for(discriminator, settings)
    average = _average(generator, ema, settings)

    def generator_losses(seen: LossInputs, share: float) -> dict[str, Tensor]:
        losses = terms(seen)
        _backward(share * _weighted(losses, weights))
        return {name: loss.detach() for name, loss in losses.items()}

    def discriminator_losses(sr: Tensor, hr: Tensor, share: float) -> dict[str, Tensor]:
        real, fake = discriminator(hr), discriminator(sr)
        loss = discriminator_loss(real, fake)
        _backward(share * loss)
        return {
            "discriminator": loss.detach(),
            "logit_real": real.detach().mean(),
            "logit_fake": fake.detach().mean(),
        }

    def step(batch: Batch) -> dict[str, Tensor]:
        found, fakes = _Means(), []
        discriminator.requires_grad_(False)
        generator_optimiser.zero_grad()
        for share, part in _parts(batch, accumulate):
            sr = enlarged(generator, part)
            found.add(share, generator_losses(_loss_inputs(sr, part, average), share))
            fakes.append((share, sr.detach(), part.hr))
        generator_optimiser.step()
        discriminator.requires_grad_(True)
        discriminator_optimiser.zero_grad()
        for share, sr, hr in fakes:
            found.add(share, discriminator_losses(sr, hr, share))
        discriminator_optimiser.step()
        return found.values

    return TrainingStage(
        name="gan",
        settings=settings,
        step=step,
        live=generator,
        average=average,
        networks={"generator": generator, "average": average, "discriminator": discriminator},
        optimisers={"generator": generator_optimiser, "discriminator": discriminator_optimiser},
    )


def update(optimiser: Optimizer, loss: Tensor) -> None:
    """Take one step down the gradient of a scalar loss."""
    optimiser.zero_grad()
    _backward(loss)
    optimiser.step()


class _Means:
    """Means of named numbers over the parts of a batch."""

    def __init__(self) -> None:
        self.values: dict[str, Tensor] = {}

    def add(self, share: float, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self.values[name] = self.values.get(name, 0) + share * value


def _parts(batch: Batch, count: int) -> list[tuple[float, Batch]]:
    """Return the parts of a batch, of as equal a length as can be, with their shares of it."""
    edges = [len(batch) * number // count for number in range(count + 1)]
    return [
        ((stop - start) / len(batch), batch.part(start, stop))
        for start, stop in pairwise(edges)
        if start < stop
    ]


def _loss_inputs(sr: Tensor, part: Batch, average: Generator) -> LossInputs:
    """Return what losses look at; SR of the averaged weights is made where one asks for it."""

    @torch.no_grad()
    def averaged() -> Tensor:
        with evaluating(average):
            return enlarged(average, part)

    return LossInputs(sr, part.hr, averaged)


def _weighted(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    return torch.stack([weights.get(name, 1.0) * loss for name, loss in losses.items()]).sum()


def _backward(loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]


def _average(generator: Generator, ema: float, settings: StageSettings) -> Generator:
    """Return what is validated and saved: a copy where weights are averaged, else the generator."""
    return start_average(generator, 1.0 if averages(settings) else ema)
