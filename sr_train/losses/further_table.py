"""The losses that the setting ``further`` adds, with a line for each by its name there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from sr_train.losses.focal_frequency import focal_frequency
from sr_train.losses.ldl import ldl
from sr_train.losses.ms_ssim import ms_ssim
from sr_train.networks.dists import Dists, dists_missing
from sr_train.settings.choices import FurtherLoss


@dataclass(frozen=True)
class LossInputs:
    """Inputs of the losses of one step.

    Attributes:
        sr: [B, 3, H, W], not clamped.
        hr: The same shape, in [0, 1].
        averaged: Makes SR of the averaged weights, the same shape, without gradient.
    """

    sr: Tensor
    hr: Tensor
    averaged: Callable[[], Tensor]


Loss = Callable[[LossInputs, Dists | None], Tensor]
"""A scalar of what is seen, with DISTS' network where a run has it."""


def _dists(seen: LossInputs, network: Dists | None) -> Tensor:
    if network is None:
        raise dists_missing()
    distances: Tensor = network(seen.sr, seen.hr)
    return distances.mean()


FURTHER: dict[FurtherLoss, Loss] = {
    "ms-ssim": lambda seen, _: ms_ssim(seen.sr, seen.hr),
    "focal-frequency": lambda seen, _: focal_frequency(seen.sr, seen.hr),
    "ldl": lambda seen, _: ldl(seen.sr, seen.hr, seen.averaged()),
    "dists": _dists,
}


def further_losses(
    seen: LossInputs, weights: Mapping[FurtherLoss, float], dists: Dists | None
) -> dict[str, Tensor]:
    """Return the losses that have a weight, each still to be weighted."""
    return {name: FURTHER[name](seen, dists) for name in weights}
