"""Learning-rate schedules as functions of the step: nothing to save, nothing to restore."""

import math
from collections.abc import Sequence

from sr_train.settings.common import StageSettings, averages


def rate_at(stage: StageSettings, step: int) -> float:
    """Return a stage's rate for ``step``, counted from 0, with its warm-up."""
    if averages(stage):
        rate = stage.learning_rate
    elif stage.schedule == "cosine":
        period = max(1, stage.steps // stage.periods)
        rate = cosine(stage.learning_rate, step % period, period, stage.final_rate)
    else:
        rate = multistep(stage.learning_rate, step, stage.milestones, stage.gamma)
    return rate * min(1.0, (step + 1) / (stage.warm_up + 1))


def multistep(rate: float, step: int, milestones: Sequence[int], gamma: float) -> float:
    """Return the rate for ``step``, counted from 0: ``rate`` times gamma per milestone reached."""
    return float(rate * gamma ** sum(step >= milestone for milestone in milestones))


def cosine(rate: float, step: int, period: int, final: float) -> float:
    """Return the rate ``step`` steps into a half cosine from ``rate`` towards ``final``.

    Loshchilov and Hutter 2017, equation 5; BasicSR's schedule restarts it each period.
    """
    return final + (rate - final) * (1 + math.cos(math.pi * step / period)) / 2
