"""What the table of networks (`sr_train.architectures`) knows of each kind."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

Tensors = dict[str, Tensor]
Size = dict[str, Any]


def as_they_are(tensors: Tensors) -> Tensors:
    """Return tensors under the names that they have."""
    return tensors


@dataclass(frozen=True)
class Entry:
    """One kind of network: how it is built, told from tensors, and chosen in settings."""

    network: type[nn.Module]
    """Called with its ``arguments``, which its weights files carry; a generator has its ``radius``
    and ``multiple``. Files name it by the class's name."""
    recognise: Callable[[Tensors], Size | None]
    """Returns the arguments of the network that a file's tensors look to be of, None if it is of
    another kind. Raises ValueError where it is of this one, but of a size that cannot be told."""
    named: Callable[[Tensors], Tensors] = as_they_are
    """Returns a file's tensors under the names that the class gives them."""
    architecture: str | None = None
    """What ``network.architecture`` calls it in the settings; None: it is not chosen there."""


def numbered(tensors: Mapping[str, Tensor], pattern: str) -> int:
    """Return how many different texts a pattern's group has among the names, from their start."""
    return len({found[1] for key in tensors if (found := re.match(pattern, key))})
