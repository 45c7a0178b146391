"""Learning-rate schedules as functions of the step: nothing to save, nothing to restore."""

from collections.abc import Sequence


def multistep(rate: float, step: int, milestones: Sequence[int], gamma: float) -> float:
    """Return the rate for ``step``, counted from 0: ``rate`` times gamma per milestone reached."""
    return float(rate * gamma ** sum(step >= milestone for milestone in milestones))
