"""When KernelGAN's learning rate falls, its loss terms change weight and a lane has converged."""

import torch
from torch import Tensor

from degrade.kernels.estimator_settings import KernelSettings

_PUBLISHED_THRESHOLD = 0.4
_CORRECTED_THRESHOLD = _PUBLISHED_THRESHOLD / 9
"""The published target, R+G+B, is three times a grey photo's, so its mean squares are nine times as
large; 0.4 for a target of the right size lets go after three iterations, before anything is learnt.
"""


def learning_rate(iteration: int, settings: KernelSettings) -> float:
    """Return Adam's rate: a tenth after each quarter of the run (750 of 3,000 iterations)."""
    quarters = max(iteration - 1, 0) * 4 // settings.iterations
    return float(settings.learning_rate * 0.1**quarters)


class GeneratorWeights:
    """The weights of the bicubic, centre and sparsity terms, which differ between lanes.

    The generator is first led by the bicubic downscaling alone. Once a lane has come close to it
    three times running, its bicubic weight is divided by 100 every 200 of 3,000 iterations, and the
    kernel's other terms set in (`Learner` of the code that Bell-Kligler et al., NeurIPS 2019,
    released).

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


class Finish:
    """Which lanes have converged, and the kernels they had then.

    A lane has converged when, with the learning rate at a hundredth or less, its kernel changed by
    less than ``settings.tolerance`` in L1 during a sixtieth of the run (50 of 3,000 iterations).
    Its kernel is then kept, so that it does not depend on how long the lanes beside it take.
    """

    def __init__(self, kernel: Tensor, settings: KernelSettings) -> None:
        """Begin with the first kernels, [L, 13, 13]."""
        self._tolerance = 0.0 if settings.as_published else settings.tolerance
        self._every = max(1, settings.iterations // 60)
        self._start = settings.iterations // 2
        self._before = kernel.detach()
        self._kept = kernel.detach().clone()
        self._done = torch.zeros(len(kernel), dtype=torch.bool, device=kernel.device)

    def reached(self, iteration: int, kernel: Tensor) -> bool:
        """Take note of the kernels after an iteration; return whether all lanes are done.

        A lane whose kernel is not finite is done too: it stays so.
        """
        trained = iteration + 1
        if not self._tolerance or trained < self._start or trained % self._every:
            return False
        now = kernel.detach()
        change = (now - self._before).abs().sum((1, 2))
        measured = trained >= self._start + self._every
        new = ~self._done & ~(change >= self._tolerance) & measured
        self._kept = torch.where(new[:, None, None], now, self._kept)
        self._done = self._done | new
        self._before = now
        return bool(self._done.all())

    def kernels(self, kernel: Tensor) -> Tensor:
        """Return the kept kernels, and those of ``kernel`` where a lane has not converged."""
        return torch.where(self._done[:, None, None], self._kept, kernel.detach())
