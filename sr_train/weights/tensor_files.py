"""Named tensors from files, without ever running pickled code, and how they differ from a network.

Read are ``.safetensors``, what torch saves, its format before 1.6 too, by ``weights_only=True``,
and ncnn's ``.param`` with ``.bin`` (RRDBNet's, see `ncnn_reader`).
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from degrade.errors import WeightsError
from sr_train.weights.ncnn_reader import ncnn_param, read_ncnn

Tensors = dict[str, Tensor]

WRAPPERS = ("params_ema", "params-ema", "params", "model_state_dict", "state_dict", "model")
"""Entries of files that hold the weights, the averaged ones first: BasicSR's, neosr's, training
checkpoints of mmagic, Lightning and others."""

GENERATORS = ("generator_ema.", "generator.", "netG_ema.", "netG.", "net_g_ema.", "net_g.")
"""Prefixes of the generator's names in files that hold several networks, averaged ones first."""

AROUND = ("module.", "_orig_mod.")
"""Prefixes that torch's wrappers for several GPUs and for compilation put before every name."""

UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, LookupError, pickle.UnpicklingError)
"""What torch.load raises on damaged files and on pickled code."""

SHOWN_KEYS = 4
"""Keys of each kind that a message about a mismatch shows."""


def read_tensors(path: Path) -> Tensors:
    """Return the tensors of a ``.safetensors`` or torch file, by name.

    What training programs put around a network's names is taken off (see `WRAPPERS`, `GENERATORS`
    and `AROUND`); of averaged weights and the last ones, the averaged are taken.

    Raises:
        WeightsError: The file is absent, unreadable, or holds no named tensors.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file; check the path")
    return named_tensors(_read(path), str(path))


def named_tensors(given: object, whose: str) -> Tensors:
    """Return the tensors of what a file holds, or of a state dict, without what is put around them.

    Args:
        given: What may be one.
        whose: What messages call it.

    Raises:
        WeightsError: It holds no named tensors, or something else beside them.
    """
    found = _unwrapped(given)
    if not isinstance(found, Mapping) or not found:
        raise WeightsError(f"{whose}: holds no named tensors; give a network's state_dict")
    found = _generators({str(key): value for key, value in found.items()})
    for key, value in found.items():
        if not isinstance(value, Tensor):
            raise WeightsError(
                f"{whose}: entry {key!r} is {type(value).__name__}, not a tensor; "
                "give a network's weights, not a training checkpoint"
            )
    return found


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


def _unwrapped(found: object) -> object:
    """Return what lies inside the entries that hold weights, one in the other."""
    while isinstance(found, Mapping):
        inner = next((found[w] for w in WRAPPERS if isinstance(found.get(w), Mapping)), None)
        if inner is None:
            break
        found = inner
    return found


def _generators(found: dict[str, Any]) -> dict[str, Any]:
    """Return the entries of the generator alone, under their bare names."""
    found = {_bare(key): value for key, value in found.items()}
    for prefix in GENERATORS:
        if own := {key: value for key, value in found.items() if key.startswith(prefix)}:
            return {_bare(key.removeprefix(prefix)): value for key, value in own.items()}
    return found


def _bare(key: str) -> str:
    """Return a name without what torch's wrappers put before it."""
    while prefix := next((each for each in AROUND if key.startswith(each)), ""):
        key = key.removeprefix(prefix)
    return key


def _read(path: Path) -> object:
    if param := ncnn_param(path):
        return read_ncnn(param)
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
