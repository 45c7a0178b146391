"""When KernelGAN's learning rate falls and its loss terms change weight, lane by lane."""

import torch
from torch import Tensor

from degrade.kernels.settings import KernelSettings

_PUBLISHED_THRESHOLD = 0.4
_CORRECTED_THRESHOLD = _PUBLISHED_THRESHOLD / 9
"""The published target, R+G+B, is three times a grey photo's, so its mean squares are nine times as
large; 0.4 for a target of the right size lets go after three iterations, before anything is learnt.
"""


def learning_rate(iteration: int, settings: KernelSettings) -> float:
    """Return Adam's rate: a tenth after each quarter of the run (750 of 3,000 iterations)."""
    quarters = max(iteration - 1, 0) * 4 // settings.iterations
    return float(settings.learning_rate * 0.1**quarters)


class LossWeights:
    """The weights of the bicubic, centre and sparsity terms, which differ between lanes.

    The generator is first led by the bicubic downscaling alone. Once a lane has come close to it
    three times running, its bicubic weight is divided by 100 every 200 of 3,000 iterations, and the
    kernel's other terms set in (FACTS 6, Learner).

    Attributes:
        bicubic: [L], from 5 down to 5e-6.
        centre: [L], 0, then 1.
        sparse: [L], 0, then 5.
    """

    def __init__(self, lanes: int, settings: KernelSettings, device: torch.device) -> None:
        self.bicubic = torch.full((lanes,), 5.0, device=device)
        self.centre = torch.zeros(lanes, device=device)
        self.sparse = torch.zeros(lanes, device=device)
        self._streak = torch.zeros(lanes, dtype=torch.int64, device=device)
        self._close = torch.zeros(lanes, dtype=torch.bool, device=device)
        self._threshold = _PUBLISHED_THRESHOLD if settings.as_published else _CORRECTED_THRESHOLD
        self._as_published = settings.as_published
        self._period = max(1, round(settings.iterations / 15))

    def adversarial(self, kernel: Tensor) -> Tensor:
        """Return the weight of the discriminator's term in the generator's loss, [L].

        It is 0 while a kernel sums to less than a half, else 1. The first outputs are some 1e-8,
        where batch norm magnifies the gradient 300-fold (1 / sqrt(epsilon)); it has either sign,
        and drives one kernel in ten to zero for good. As published the weight is always 1.

        Args:
            kernel: [L, 13, 13].
        """
        total = kernel.detach().sum((1, 2))
        return torch.ones_like(total) if self._as_published else (total >= 0.5).to(total.dtype)

    def update(self, iteration: int, bicubic_loss: Tensor) -> None:
        """Take note of one iteration's bicubic loss [L], the unweighted mean square."""
        if iteration == 0:
            return
        if iteration % self._period == 0:
            due = self._close & (self.bicubic > 5e-6)
            lower = (self.bicubic / 100).clamp(min=5e-6)
            self.bicubic = torch.where(due, lower, self.bicubic)
            bound = due & (self.bicubic < 5e-3)
            self.centre = self.centre.masked_fill(bound, 1.0)
            self.sparse = self.sparse.masked_fill(bound, 5.0)
        near = bicubic_loss < self._threshold
        self._streak = torch.where(near, self._streak + 1, 0)
        self._close = self._close | (self._streak >= 3)
