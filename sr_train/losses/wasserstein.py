"""WGAN-GP (Gulrajani et al. 2017, equation 3): the critic's loss and the generator's."""

from collections.abc import Callable

import torch
from torch import Tensor

PENALTY = 10.0
"""lambda, the gradient penalty's weight."""

Critic = Callable[[Tensor], Tensor]
"""Maps pictures [B, 3, H, W] to values [B, 1]."""


def critic_loss(critic: Critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Return mean D(fake) - mean D(real) + lambda (||grad D(mixed)||_2 - 1)^2.

    Args:
        critic: D.
        real: [B, 3, H, W].
        fake: The same shape; no gradient flows into it.
        mix: [B] in [0, 1], share of the real picture in each mixture (epsilon).
    """
    fake = fake.detach()
    distance = critic(fake).float().mean() - critic(real).float().mean()
    return distance + PENALTY * gradient_penalty(critic, real, fake, mix)


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Return the mean over samples of (||grad D||_2 - 1)^2, the norm over a sample's pixels.

    Arguments are those of `critic_loss`.
    """
    share = mix.to(real).view(-1, 1, 1, 1)
    mixed = (share * real + (1 - share) * fake).detach().requires_grad_(True)
    value = critic(mixed).float().sum()
    (gradient,) = torch.autograd.grad(value, mixed, create_graph=True)
    norm: Tensor = gradient.float().flatten(1).square().sum(dim=1).sqrt()
    return (norm - 1).square().mean()


def generator_loss(fake: Tensor) -> Tensor:
    """Return -mean D(fake) of the critic's values [B, 1]."""
    return -fake.float().mean()
