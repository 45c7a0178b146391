"""What an inference engine is, and a network whose pixels one computes."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from degrade.arrays import F32
from degrade.errors import SettingsError
from sr_train.architectures import described
from sr_train.networks.generator import Generator, ReferenceGenerator

Compute = Callable[[F32], F32]
"""Maps LR [1, 3, h, w] to SR [1, 3, s*h, s*w], both in [0, 1]."""


@dataclass(frozen=True)
class Engine:
    """A program that computes networks on the CPU.

    Attributes:
        name: As ``--backend`` calls it; the package's name, too.
        extra: Installs it.
        suffix: Of the file that it reads.
        convert: Writes a network, which is on the CPU and in evaluation mode, to a file for it.
        load: Loads such a file, to compute with so many threads, in bfloat16 if asked.
        bf16: Whether it can compute in bfloat16.
    """

    name: str
    extra: str
    suffix: str
    convert: Callable[[Generator, Path], object]
    load: Callable[[Path, int, bool], Compute]
    bf16: bool = False

    @property
    def installed(self) -> bool:
        """Whether its package is there."""
        return importlib.util.find_spec(self.name) is not None


@dataclass(frozen=True)
class ByEngine:
    """A network whose pixels an engine computes, in 32 bits unless it was loaded otherwise.

    Attributes:
        network: What is computed; on the CPU.
        engine: The engine's name.
        compute: Its function.
    """

    network: Generator
    engine: str
    compute: Compute

    @property
    def scale(self) -> int:
        """SR pixels per LR pixel."""
        return self.network.scale

    @property
    def multiple(self) -> int:
        """Tiles must start at a multiple of this many LR pixels."""
        return self.network.multiple

    @property
    def radius(self) -> int:
        """How many LR pixels around its own place an SR pixel depends on."""
        return self.network.radius

    def __call__(self, lr: Tensor, /) -> Tensor:
        """Return SR [1, 3, s*h, s*w] of LR [1, 3, h, w], both in [0, 1]."""
        return torch.from_numpy(self.compute(lr.contiguous().numpy()))


def check_fits(network: Generator, engine: Engine, bf16: bool) -> None:
    """Refuse what an engine does not compute.

    Raises:
        SettingsError: The engine is not installed, or does not compute in bfloat16; or the network
            is not on the CPU, takes references, or sides that are multiples of a number: its file
            would not extend pictures as torch does.
    """
    if not engine.installed:
        raise SettingsError(
            f"backend {engine.name} is not installed: pip install 'degrade[{engine.extra}]'"
        )
    if bf16 and not engine.bf16:
        raise SettingsError(f"backend {engine.name} does not compute in bfloat16: leave it out")
    if (device := next(network.parameters()).device.type) != "cpu":
        raise SettingsError(
            f"backend {engine.name} computes on the CPU, not on {device}: give torch"
        )
    if isinstance(network, ReferenceGenerator) or network.multiple > 1:
        raise SettingsError(
            f"backend {engine.name} does not compute {described(network)}, which takes "
            f"{'references' if isinstance(network, ReferenceGenerator) else 'whole cells'}: "
            "give torch"
        )
