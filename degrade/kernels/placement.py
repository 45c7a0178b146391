"""Where a given kernel's centre lies, and how much of it a canvas would cut off."""

import numpy as np

from degrade.kernels.shape import Kernel, canvas_size, centre_of_mass
from degrade.scales import TrainedScale

MAX_OFFSET = 0.1
"""HR pixels by which a centre may miss its place: KernelGAN's own files miss it by less."""
MAX_LOST = 0.02
"""Share of a kernel's weight that may lie beyond the canvas."""


def off_centre(kernel: Kernel, scale: TrainedScale) -> tuple[float, float]:
    """Return how far down and right of its place a kernel's centre of mass lies, HR pixels.

    There are two places: KernelGAN's, (scale - 1) / 2 past the middle, and the middle itself, where
    KAIR, USRNet and DIV2KRK have it. The nearer one counts.

    Args:
        kernel: [S, S], finite, with a positive sum; negative weights do not count.
        scale: 2 or 4.
    """
    middle = (kernel.shape[0] - 1) / 2
    centre = np.array(centre_of_mass(kernel.clip(min=0)))
    offsets = [centre - place for place in (middle + (scale - 1) / 2, middle)]
    down, right = min(offsets, key=lambda offset: float(np.hypot(*offset)))
    return float(down), float(right)


def share_lost(kernel: Kernel, scale: TrainedScale) -> float:
    """Return the share of a kernel's weight beyond the canvas, its centre of mass in the middle."""
    weights = kernel.clip(min=0).astype(np.float64)
    half = canvas_size(scale) / 2
    from_centre = [np.abs(np.arange(len(weights)) - place) for place in centre_of_mass(weights)]
    down, right = ((half + 0.5 - away).clip(0, 1) for away in from_centre)  # parts of pixels, too
    return 1 - float(down @ weights @ right / weights.sum())


def misplaced(kernel: Kernel, scale: TrainedScale, *, centre: bool) -> str:
    """Return why a kernel cannot be taken as it is; empty if it can.

    Args:
        kernel: As `off_centre` takes it.
        scale: 2 or 4.
        centre: Off-centre kernels may be moved.
    """
    lost, side = share_lost(kernel, scale), canvas_size(scale)
    if lost > MAX_LOST:
        return (
            f"a canvas of {side}x{side} would cut off {lost:.0%} of its weight: it is too wide for "
            f"x{scale}"
        )
    down, right = off_centre(kernel, scale)
    if max(abs(down), abs(right)) > MAX_OFFSET and not centre:
        return (
            f"it is off-centre by {down:.2f}, {right:.2f} pixels (down, right); --centre moves it"
        )
    return ""
