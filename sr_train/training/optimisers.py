"""A step's rate, gradients and optimiser, and the averaged weights that it gives in the end."""

import copy
import importlib
import math
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

import torch
from torch import nn
from torch.optim import Adam, AdamW, Optimizer

from degrade.errors import TrainingError
from sr_train.compute.parallel import average_gradients
from sr_train.settings.common import ChosenStage, StageSettings, averages


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


def optimiser_for(network: nn.Module, stage: StageSettings) -> Optimizer:
    """Return a stage's optimiser of a network's parameters.

    Raises:
        TrainingError: It is of a package that is not installed.
    """
    rate: dict[str, Any] = {"lr": stage.learning_rate, "betas": stage.betas}
    if not isinstance(stage, ChosenStage) or stage.optimiser == "adam":
        return Adam(network.parameters(), **rate)
    rate["weight_decay"] = stage.weight_decay
    if stage.optimiser == "adamw":
        return AdamW(network.parameters(), **rate)
    try:
        schedulefree = importlib.import_module("schedulefree")
    except ImportError as error:
        raise TrainingError(
            "optimiser schedule-free needs schedulefree, which is not installed: "
            "pip install 'degrade[schedulefree]'"
        ) from error
    optimiser: Optimizer = schedulefree.AdamWScheduleFree(network.parameters(), **rate)
    # The weights that gradients are taken at are those that the network has between steps, too.
    optimiser.train()  # type: ignore[attr-defined]
    return optimiser


@torch.no_grad()
def copy_average(average: nn.Module, live: nn.Module, optimiser: Optimizer) -> None:
    """Give ``average`` the weights that schedule-free training ends with; ``live`` is unchanged.

    With y where gradients are taken and z the plain steps, x = y + (1 - 1/beta_1) (z - y);
    Defazio et al. 2024, equation 4 solved for x.
    """
    for group in optimiser.param_groups:
        share = 1 - 1 / group["betas"][0]
        pairs = zip(average.parameters(), live.parameters(), strict=True)
        for weight, newest in pairs:
            plain = optimiser.state[newest].get("z", newest)
            weight.copy_(torch.lerp(newest, plain, share))
    for buffer, current in zip(average.buffers(), live.buffers(), strict=True):
        buffer.copy_(current)


def prepare_gradients(optimiser: Optimizer, clip: float) -> None:
    """Let every step of an optimiser begin by averaging over processes and clipping.

    Args:
        optimiser: Any.
        clip: Largest L2 norm of all its gradients together; 0 = as they are.
    """
    optimiser.register_step_pre_hook(partial(_prepare, clip))


def _prepare(clip: float, optimiser: Optimizer, *_: Any) -> None:
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    average_gradients(parameters)
    if clip:
        nn.utils.clip_grad_norm_(parameters, clip)


Network = TypeVar("Network", bound=nn.Module)


def start_average(network: Network, decay: float) -> Network:
    """Return the copy that will hold the average; with decay 0, ``network`` itself."""
    return copy.deepcopy(network).requires_grad_(False).eval() if decay else network


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move ``average`` towards ``network`` after ``step`` (counted from 0) of a stage.

    The decay rises as (1 + step) / (10 + step) until it reaches ``decay``, so that a short run does
    not keep its first weights.
    """
    if average is network:
        return
    share = 1 - min(decay, (1 + step) / (10 + step))
    for weight, newest in zip(average.parameters(), network.parameters(), strict=True):
        weight.lerp_(newest, share)
    for buffer, current in zip(average.buffers(), network.buffers(), strict=True):
        buffer.copy_(current)
