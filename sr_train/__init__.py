"""Super-resolution training on the pairs of a store.

The names below are loaded when they are first used; ``import sr_train`` does not load torch.
"""

from typing import TYPE_CHECKING

from degrade.lazy import lazy

if TYPE_CHECKING:
    from pipelines.api.training import train
    from sr_train.api import compare, evaluate, load_network, upscale
    from sr_train.data.dataset import PairDataset

_HOMES = {
    "PairDataset": "sr_train.data.dataset",
    "compare": "sr_train.api",
    "evaluate": "sr_train.api",
    "load_network": "sr_train.api",
    "train": "pipelines.api.training",
    "upscale": "sr_train.api",
}
"""The module of each public name; training checks a store as the stage in `pipelines` does."""

__all__ = ["PairDataset", "compare", "evaluate", "load_network", "train", "upscale"]


__getattr__ = lazy(globals(), _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
