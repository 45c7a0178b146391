"""Relativistic average GAN losses (Jolicoeur-Martineau 2018; ESRGAN, section 3.2).

With C(a, b) = D(a) - mean D(b), the mean over batch and positions, and BCE on logits:

    L_D = [BCE(C(real, fake), 1) + BCE(C(fake, real), 0)] / 2
    L_G = [BCE(C(real, fake), 0) + BCE(C(fake, real), 1)] / 2

The halves are those of the released code; a weight multiplies the halved sum.
"""

from torch import Tensor
from torch.nn import functional as F


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return L_D of logits of any equal shape.

    ``fake`` comes from a detached SR. Gradients flow through both means, as in RealSR.
    """
    return _relativistic(winner=real, loser=fake)


def generator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return L_G of logits of any equal shape; no gradient flows into ``real``."""
    return _relativistic(winner=fake, loser=real.detach())


def _relativistic(winner: Tensor, loser: Tensor) -> Tensor:
    """BCE(x, 1) = softplus(-x) and BCE(x, 0) = softplus(x)."""
    high = F.softplus(loser.mean() - winner).mean()
    low = F.softplus(loser - winner.mean()).mean()
    return (high + low) / 2
