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
def precision(name: str, device: torch.device) -> Iterator[None]:
    """Compute products inside in ``bfloat16`` or ``float32``.

    Weights are cast anew for each forward pass: a step may update a network and run it again.
    """
    wanted = name == "bfloat16"
    with torch.autocast(device.type, torch.bfloat16, enabled=wanted, cache_enabled=False):
        yield


def wide(x: Tensor) -> Tensor:
    """Return a network's output with at least 32 bits, as losses are computed in."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


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
