"""The steps that a WGAN-GP critic takes before each one of its generator."""

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim import Adam

from degrade.randomness import stream
from sr_train.compute.parallel import share
from sr_train.losses.adversarial import critic_loss
from sr_train.settings.common import Betas, StageSettings
from sr_train.training.loop import TrainingStage
from sr_train.training.stages import update


class CriticSettings(Protocol):
    """What the settings of a method with a critic have."""

    @property
    def seed(self) -> int:
        """The run's seed."""

    @property
    def batch(self) -> int:
        """Crops per step, of all processes."""

    @property
    def critic_steps(self) -> int:
        """Steps of the critic before each one of the generator."""

    @property
    def critic_betas(self) -> Betas:
        """Its Adam's."""


def add_critic(
    stage: TrainingStage, critic: nn.Module, settings: CriticSettings, of_stage: StageSettings
) -> None:
    """Let a stage keep and train a critic; its rate is the generator's."""
    rate, betas = of_stage.learning_rate, settings.critic_betas
    stage.networks["discriminator"] = critic
    stage.optimisers["discriminator"] = Adam(critic.parameters(), lr=rate, betas=betas)


def train_critic(
    stage: TrainingStage, settings: CriticSettings, sr: Tensor, hr: Tensor, *turn: int
) -> Tensor:
    """Let the critic take its steps; it is left without gradients for its own weights.

    Args:
        stage: Has a critic, see `add_critic`.
        settings: The method's.
        sr: The pictures that the generator then learns from, in [-1, 1].
        hr: The same shape.
        turn: Which of a step's textures these are, if there are several.

    Returns:
        The last step's loss, detached.
    """
    critic, adam = stage.networks["discriminator"], stage.optimisers["discriminator"]
    rng = stream(settings.seed, "critic", stage.before + stage.done, *turn)
    mixes = rng.random((settings.critic_steps, settings.batch), "float32")
    critic.requires_grad_(True)
    for mix in mixes[:, share(settings.batch)]:
        loss = critic_loss(critic, hr, sr.detach(), torch.from_numpy(mix))
        update(adam, loss)
    critic.requires_grad_(False)
    return loss.detach()
