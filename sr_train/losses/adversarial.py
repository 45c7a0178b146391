"""GAN objectives on logits: relativistic average, vanilla, least squares, hinge; and WGAN-GP.

With C(a, b) = D(a) - mean D(b), the mean over batch and positions, and BCE on logits:

- ``ragan`` (Jolicoeur-Martineau 2018; ESRGAN, section 3.2):
  L_D = [BCE(C(real, fake), 1) + BCE(C(fake, real), 0)] / 2,
  L_G = [BCE(C(real, fake), 0) + BCE(C(fake, real), 1)] / 2;
  the halves are those of the released code, a weight multiplies the halved sum.
- ``vanilla`` (Goodfellow 2014, the generator's not saturating; SRGAN, equations 2 and 6):
  L_D = BCE(D(real), 1) + BCE(D(fake), 0), L_G = BCE(D(fake), 1).
- ``lsgan`` (Mao 2017, equation 9):
  L_D = [mean (D(real) - 1)^2 + mean D(fake)^2] / 2, L_G = mean (D(fake) - 1)^2 / 2.
- ``hinge`` (Lim and Ye 2017):
  L_D = mean max(0, 1 - D(real)) + mean max(0, 1 + D(fake)), L_G = -mean D(fake).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from sr_train.compute.device import wide
from sr_train.compute.parallel import mean_over_all
from sr_train.settings.choices import Objective


def discriminator_loss(real: Tensor, fake: Tensor, objective: Objective = "ragan") -> Tensor:
    """Return L_D of logits of any equal shape.

    ``fake`` comes from a detached SR. Gradients flow through both means, as in RealSR.
    """
    real, fake = wide(real), wide(fake)
    match objective:
        case "ragan":
            return _relativistic(winner=real, loser=fake)
        case "vanilla":
            return F.softplus(-real).mean() + F.softplus(fake).mean()
        case "lsgan":
            return ((real - 1).square().mean() + fake.square().mean()) / 2
        case "hinge":
            return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def generator_loss(real: Tensor, fake: Tensor, objective: Objective = "ragan") -> Tensor:
    """Return L_G of logits of any equal shape; no gradient flows into ``real``.

    Only ``ragan`` looks at ``real``, see `needs_real`.
    """
    real, fake = wide(real), wide(fake)
    match objective:
        case "ragan":
            return _relativistic(winner=fake, loser=real.detach())
        case "vanilla":
            return F.softplus(-fake).mean()
        case "lsgan":
            return (fake - 1).square().mean() / 2
        case "hinge":
            return -fake.mean()


def needs_real(objective: Objective) -> bool:
    """Return whether the generator's loss depends on the logits of real images."""
    return objective == "ragan"


def _relativistic(winner: Tensor, loser: Tensor) -> Tensor:
    """BCE(x, 1) = softplus(-x) and BCE(x, 0) = softplus(x)."""
    high = F.softplus(mean_over_all(loser) - winner).mean()
    low = F.softplus(loser - mean_over_all(winner)).mean()
    return (high + low) / 2


PENALTY = 10.0
"""lambda, the gradient penalty's weight."""

Critic = Callable[[Tensor], Tensor]
"""Maps pictures [B, 3, H, W] to values [B, 1]."""


def critic_loss(critic: Critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Return mean D(fake) - mean D(real) + lambda (||grad D(mixed)||_2 - 1)^2.

    WGAN-GP, Gulrajani et al. 2017, equation 3.

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


def wasserstein_generator_loss(fake: Tensor) -> Tensor:
    """Return -mean D(fake) of the critic's values [B, 1]."""
    return -fake.float().mean()
