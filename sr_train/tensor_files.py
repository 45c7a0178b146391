"""Named tensors from files, without ever running pickled code, and how they differ from a network.

Read are ``.safetensors`` and what torch saves, its format before 1.6 too, by ``weights_only=True``.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from degrade.errors import WeightsError
from sr_train.parts.checkpoint import UNREADABLE

Tensors = dict[str, Tensor]

WRAPPERS = ("params_ema", "params")
"""Entries of BasicSR's files that hold the weights; the averaged ones first."""

SHOWN_KEYS = 4
"""Keys of each kind that a message about a mismatch shows."""


def read_tensors(path: Path) -> Tensors:
    """Return the tensors of a ``.safetensors`` or torch file, by name.

    ``params_ema`` is taken before ``params`` where a file has them; ``module.`` is stripped.

    Raises:
        WeightsError: The file is absent, unreadable, or holds no named tensors.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file; check the path")
    found = _read(path)
    for wrapper in WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping):
            found = found[wrapper]
            break
    if not isinstance(found, Mapping) or not found:
        raise WeightsError(f"{path}: holds no named tensors; give a network's state_dict")
    for key, value in found.items():
        if not isinstance(value, Tensor):
            raise WeightsError(
                f"{path}: entry {key!r} is {type(value).__name__}, not a tensor; "
                "give a network's weights, not a training checkpoint"
            )
    return {str(key).removeprefix("module."): value for key, value in found.items()}


def read_metadata(path: Path, key: str) -> str | None:
    """Return one entry of a ``.safetensors`` file's metadata; none in files of other kinds."""
    if path.suffix != ".safetensors":
        return None
    with safetensors.safe_open(path, framework="pt") as file:
        return (file.metadata() or {}).get(key)


def list_mismatches(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Return one line on how the names and shapes found differ from those wanted; "" if equal."""
    misshapen = [
        f"{key} {tuple(found[key].shape)} instead of {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in found and found[key].shape != value.shape
    ]
    kinds = {
        "missing": [key for key in wanted if key not in found],
        "unexpected": [key for key in found if key not in wanted],
        "misshapen": misshapen,
    }
    return "; ".join(f"{len(keys)} {kind}: {some(keys)}" for kind, keys in kinds.items() if keys)


def some(keys: list[str]) -> str:
    """Return the first few keys in one line."""
    return ", ".join(keys[:SHOWN_KEYS]) + (", ..." if len(keys) > SHOWN_KEYS else "")


def _read(path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: not a torch file of plain tensors (pickled code is never run); "
            "give the network's state_dict, or safetensors"
        ) from error
    except (*UNREADABLE, safetensors.SafetensorError) as error:
        raise WeightsError(
            f"{path}: not a readable weights file (damaged, or another format); get it again"
        ) from error
