"""Files of network weights: safetensors with metadata, and the RRDB key styles in circulation.

Old ESRGAN (``model.1.sub.0.RDB1.conv1.0``), new ESRGAN / RealSR (``RRDB_trunk.0.RDB1.conv1``) and
BasicSR / Real-ESRGAN (``body.0.rdb1.conv1``) are read, the last is written. Pickled code is never
run: ``.pth`` files are read with ``weights_only=True``.
"""

import json
import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from degrade.errors import WeightsError
from sr_train.networks.generator import Generator
from sr_train.networks.rrdbnet import UNSHUFFLE, UPSAMPLING, RRDBNet
from sr_train.networks.srresnet import SRResNet
from sr_train.parts.checkpoint import UNREADABLE
from sr_train.parts.files import replace_file

Tensors = dict[str, Tensor]

METADATA_KEY = "degrade-weights"
VERSION = 1

GENERATORS: dict[str, type[Generator]] = {"RRDBNet": RRDBNet, "SRResNet": SRResNet}
"""Every network that a weights file can name, called with its ``arguments``."""

SHOWN_KEYS = 4
"""Keys of each kind that a message about a mismatch shows."""

NEW_STYLE = (
    (r"^RRDB_trunk\.(\d+)\.RDB(\d)\.", r"body.\1.rdb\2."),
    (r"^trunk_conv\.", "conv_body."),
    (r"^upconv(\d)\.", r"conv_up\1."),
    (r"^HRconv\.", "conv_hr."),
)
"""Patterns of the new ESRGAN / RealSR names and BasicSR's for them."""


def save_weights(path: Path, network: Generator) -> None:
    """Write a network's weights and what is needed to rebuild it, replacing ``path`` whole."""
    architecture = type(network).__name__
    about = {"version": VERSION, "architecture": architecture, "settings": network.arguments}
    # One entry, because safetensors writes several in an order that changes from run to run.
    metadata = {METADATA_KEY: json.dumps(about)}
    tensors = {key: value.detach().cpu().contiguous() for key, value in _state(network).items()}
    with replace_file(path) as aside:
        safetensors.torch.save_file(tensors, aside, metadata)


def load_network(path: Path, device: str | torch.device = "cpu") -> Generator:
    """Rebuild the network of a weights file, in evaluation mode.

    What it is comes from the metadata that ``save_weights`` wrote; a file without them is taken
    for RRDBNet, whose size the tensors' shapes tell.

    Raises:
        WeightsError: The file is absent, unreadable, or does not hold a generator's weights.
    """
    tensors = read_tensors(path)
    network = _from_metadata(path) or RRDBNet(**_deduced_size(path, _as_saved(RRDBNet, tensors)))
    _load_strictly(network, tensors, path)
    return network.to(device).eval()


def load_into(network: Generator, path: Path) -> None:
    """Copy a file's weights into a network of the same size.

    Raises:
        WeightsError: The file is absent, unreadable, or of another architecture or size; the text
            lists missing, unexpected and misshapen keys. The network is then unchanged.
    """
    _load_strictly(network, read_tensors(path), path)


def read_tensors(path: Path) -> Tensors:
    """Return the tensors of a ``.safetensors`` or torch file, by name.

    ``params_ema`` is taken before ``params`` where a file has them; ``module.`` is stripped.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file; check the path")
    found = _read(path)
    for wrapper in ("params_ema", "params"):
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
    return "; ".join(f"{len(keys)} {kind}: {_some(keys)}" for kind, keys in kinds.items() if keys)


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:SHOWN_KEYS]) + (", ..." if len(keys) > SHOWN_KEYS else "")


def _state(network: nn.Module) -> Tensors:
    return dict(network.state_dict())


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


def _load_strictly(network: Generator, tensors: Tensors, path: Path) -> None:
    found = _as_saved(type(network), tensors)
    if mismatch := list_mismatches(_state(network), found):
        raise WeightsError(f"{path}: not the weights of {_described(network)}: {mismatch}")
    network.load_state_dict(found)


def _as_saved(kind: type[Generator], tensors: Tensors) -> Tensors:
    """Return tensors as float32 under the names that ``kind`` has, whatever style they come in."""
    renamed = _basicsr_names(tensors) if kind is RRDBNet else tensors
    return {key: value.float() for key, value in renamed.items()}


def _described(network: Generator) -> str:
    size = "/".join(str(value) for name, value in network.arguments.items() if name != "scale")
    return f"{type(network).__name__} x{network.scale}, {size}"


def _from_metadata(path: Path) -> Generator | None:
    """Build the network that ``save_weights`` wrote this file for, if it wrote it."""
    if path.suffix != ".safetensors":
        return None
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    return _rebuilt(path, metadata[METADATA_KEY]) if METADATA_KEY in metadata else None


def _rebuilt(path: Path, text: str) -> Generator:
    try:
        about = json.loads(text)
        version, architecture = about["version"], about["architecture"]
        arguments = {name: int(value) for name, value in about["settings"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(f"{path}: its metadata are damaged; get the file again") from error
    try:
        if version != VERSION:
            raise KeyError(architecture)
        return GENERATORS[architecture](**arguments)
    except (KeyError, TypeError) as error:
        raise WeightsError(
            f"{path}: holds {architecture} in format version {version}; this program reads "
            f"{', '.join(GENERATORS)} in version {VERSION}: update it"
        ) from error


def _deduced_size(path: Path, tensors: Tensors) -> dict[str, int]:
    """Return the constructor arguments that shapes and names tell."""
    try:
        first, dense = tensors["conv_first.weight"], tensors["body.0.rdb1.conv1.weight"]
    except KeyError as error:
        shown = _some(list(tensors))
        raise WeightsError(f"{path}: not RRDBNet: no {error}; its keys are {shown}") from error
    blocks = len({key.split(".")[1] for key in tensors if key.startswith("body.")})
    return {
        "scale": _deduced_scale(path, tensors),
        "features": first.shape[0],
        "blocks": blocks,
        "growth": dense.shape[0],
    }


def _deduced_scale(path: Path, tensors: Tensors) -> int:
    inputs = tensors["conv_first.weight"].shape[1]
    enlargements = sum(1 for key in tensors if re.fullmatch(r"conv_up\d\.weight", key))
    for scale, factors in UPSAMPLING.items():
        # One enlargement without metadata may be by 2 or by 3: never guess.
        fits = (inputs, enlargements) == (3 * UNSHUFFLE.get(scale, 1) ** 2, len(factors))
        if fits and enlargements > 1:
            return scale
    raise WeightsError(
        f"{path}: cannot tell its scale from {inputs} input channels and {enlargements} "
        "enlargements; scales 1, 2, 4 and 8 of BasicSR's RRDBNet can be told"
    )


def _basicsr_names(tensors: Tensors) -> Tensors:
    if any(key.startswith("model.1.sub.") for key in tensors):
        return _from_old_style(tensors)
    for pattern, replacement in NEW_STYLE:
        tensors = {re.sub(pattern, replacement, key): value for key, value in tensors.items()}
    return tensors


def _from_old_style(tensors: Tensors) -> Tensors:
    """Rename ``model.N`` by order: first, trunk, enlargements, HR, last."""
    heads = {
        int(m[1]) for key in tensors if (m := re.match(r"model\.(\d+)\.(?:weight|bias)$", key))
    }
    order = sorted(heads)
    names = {n: f"conv_up{i}" for i, n in enumerate(order[1:-2], 1)}
    names |= dict(zip(order[-2:], ("conv_hr", "conv_last"), strict=False))
    names[0] = "conv_first"
    return {_old_name(key, names): value for key, value in tensors.items()}


def _old_name(key: str, heads: Mapping[int, str]) -> str:
    if match := re.fullmatch(r"model\.1\.sub\.(\d+)\.RDB(\d)\.(conv\d)\.0\.(\w+)", key):
        return "body.{}.rdb{}.{}.{}".format(*match.groups())
    if match := re.fullmatch(r"model\.1\.sub\.\d+\.(\w+)", key):
        return f"conv_body.{match[1]}"
    if match := re.fullmatch(r"model\.(\d+)\.(\w+)", key):
        return f"{heads[int(match[1])]}.{match[2]}"
    return key
