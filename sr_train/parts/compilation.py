"""Whether torch.compile works here, found out before any work."""

import torch
from torch import Tensor

from degrade.errors import TrainingError


def check_compilation(device: torch.device) -> None:
    """Compile a trifle, which takes seconds and tells what a missing compiler would tell later.

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
