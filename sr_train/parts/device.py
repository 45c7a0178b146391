"""Where a run computes: device and CPU threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from degrade.errors import TrainingError


def choose_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        TrainingError: ``cuda`` was asked for and torch sees none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise TrainingError("device cuda: torch sees no GPU; use --device cpu or --device auto")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


Placed = TypeVar("Placed", bound=Tensor | nn.Module)


def placed(thing: Placed, device: torch.device) -> Placed:
    """Move a batch or a network to a device, channels last: convolutions are faster that way."""
    moved: Placed = thing.to(device, memory_format=torch.channels_last)  # type: ignore[assignment, call-overload]
    return moved


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Compute with ``count`` threads inside, 0 = as many as torch chose."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device_of(network: nn.Module) -> torch.device:
    """Return where a network's weights are."""
    return next(network.parameters()).device
