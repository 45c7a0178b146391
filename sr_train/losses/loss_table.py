"""Further losses of SR and HR, by the names that settings choose them by; a line for each."""

from collections.abc import Callable, Mapping

from torch import Tensor

from sr_train.choices import FurtherLoss
from sr_train.losses.focal_frequency import focal_frequency
from sr_train.losses.ms_ssim import ms_ssim

FURTHER: dict[FurtherLoss, Callable[[Tensor, Tensor], Tensor]] = {
    "ms-ssim": ms_ssim,
    "focal-frequency": focal_frequency,
}


def further_losses(
    sr: Tensor, hr: Tensor, weights: Mapping[FurtherLoss, float]
) -> dict[str, Tensor]:
    """Return the losses that have a weight, each still to be weighted."""
    return {name: FURTHER[name](sr, hr) for name in weights}
