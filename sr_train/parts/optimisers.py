"""Which optimiser takes a network's steps, and which weights it gives in the end."""

import importlib
from typing import Any

import torch
from torch import nn
from torch.optim import Adam, AdamW, Optimizer

from degrade.errors import TrainingError
from sr_train.settings.common import ChosenStage, StageSettings


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
