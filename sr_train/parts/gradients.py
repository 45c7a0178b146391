"""What happens to gradients between a method's backward pass and its optimiser's step."""

from functools import partial
from typing import Any

from torch import nn
from torch.optim import Optimizer

from sr_train.parts.parallel import average_gradients


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
