"""Where and how a run computes: device, threads, precision, compilation, seeds, evaluation mode."""

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


Movable = TypeVar("Movable", bound=Tensor | nn.Module)


def to_device(thing: Movable, device: torch.device) -> Movable:
    """Move a batch or a network to a device, channels last: convolutions are faster that way."""
    # torch's stubs have a `to` of tensors and one of modules, and none of both.
    moved: Movable = thing.to(device, memory_format=torch.channels_last)  # type: ignore[assignment, call-overload]
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


def check_compilation(device: torch.device) -> None:
    """Compile a trifle, which takes seconds and fails at once where a compiler is missing.

    Raises:
        TrainingError: torch cannot compile for the device.
    """
    from torch._dynamo.exc import TorchDynamoException  # a second, for nothing where none compile

    # A result kept from an earlier run would hide that the compiler is gone.
    compiled = torch.compile(_trifle, options={"fx_graph_cache": False})
    try:
        compiled(torch.zeros(4, device=device))
    except TorchDynamoException as error:
        reason = str(error).strip().partition("\n")[0]
        raise TrainingError(
            f"compile is true, but torch cannot compile for {device.type} here ({reason}): install "
            "a C++ compiler such as g++, or leave compile at false"
        ) from error


def _trifle(x: Tensor) -> Tensor:
    return x.sin() + 1


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run torch's default initialisers, which only draw from the global generator, from ``seed``.

    Networks are built on the CPU inside, so that they are the same whatever the device.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Let batch norm use its running statistics, and leave them alone, inside."""
    before = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(before)
