"""Networks to and from files of weights: safetensors that say what they hold, and published ones.

Written is safetensors with the network's name and size as metadata. Read are these, and ``.pth`` or
safetensors files without them, in all three styles of RRDBNet's names (see `weights.rrdb_keys`),
ncnn's files of RRDBNet, and by their names those of `weights.published`; a file loads whole or not
at all.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from degrade.errors import SettingsError, WeightsError
from sr_train.architectures import Network, described, entry_called, known_names, recognised
from sr_train.networks.generator import Entry, Generator, Size, Tensors
from sr_train.networks.spandrel_network import more
from sr_train.weights.published import located
from sr_train.weights.tensor_files import (
    list_mismatches,
    named_tensors,
    read_metadata,
    read_tensors,
    some,
)
from sr_train.weights.weights_file import replace_file

METADATA_KEY = "degrade-weights"
VERSION = 1


def save_weights(path: Path, network: Network) -> None:
    """Write a network's weights and what is needed to rebuild it, replacing ``path`` whole."""
    architecture = type(network).__name__
    about = {"version": VERSION, "architecture": architecture, "settings": network.arguments}
    # One entry, because safetensors writes several in an order that changes from run to run.
    metadata = {METADATA_KEY: json.dumps(about)}
    tensors = {key: value.contiguous() for key, value in state_of(network).items()}
    with replace_file(path) as aside:
        # Not save_file, whose files nobody but their owner may read, whatever the umask.
        aside.write_bytes(safetensors.torch.save(tensors, metadata))


def load_network(path: Path, device: str | torch.device = "cpu") -> Generator:
    """Rebuild the generator of a weights file, in evaluation mode.

    Raises:
        WeightsError: As for `load_any`, or the file holds no generator.
    """
    return _generator(load_any(path), str(path), device)


def network_of(state: Mapping[str, Tensor], device: str | torch.device = "cpu") -> Generator:
    """Rebuild the generator of a state dict, which it shares no memory with, in evaluation mode.

    What training programs put around the names is taken off, as of files; its size comes from the
    tensors' shapes.

    Raises:
        WeightsError: It is not the weights of one generator.
    """
    whose = "state dict"
    tensors = named_tensors(state, whose)
    network = _deduced(whose, tensors)
    _load_strictly(network, tensors, whose)
    return _generator(network, whose, device)


def load_any(path: Path) -> Network:
    """Rebuild the generator or discriminator of a weights file, on the CPU.

    Its size comes from the metadata that ``save_weights`` wrote, or else from the tensors' shapes.

    Raises:
        WeightsError: The file is absent, unreadable, or does not hold the weights of one network.
    """
    path = located(path)
    tensors = read_tensors(path)
    network = _described_in(path) or _deduced(str(path), tensors)
    _load_strictly(network, tensors, str(path))
    return network


def load_into(network: Network, path: Path) -> None:
    """Copy a file's weights into a network of the same kind and size.

    Raises:
        WeightsError: The file is absent, unreadable, or of another architecture or size; the text
            lists missing, unexpected and misshapen keys. The network is then unchanged.
    """
    path = located(path)
    _load_strictly(network, read_tensors(path), str(path))


def state_of(network: Network) -> Tensors:
    """Return a network's state on the CPU, without gradients."""
    return {key: value.detach().cpu() for key, value in network.state_dict().items()}


def _generator(network: Network, whose: str, device: str | torch.device) -> Generator:
    if not isinstance(network, Generator):
        raise WeightsError(
            f"{whose}: holds {type(network).__name__}, which enlarges nothing; "
            "give the weights of a generator"
        )
    return network.to(device).eval()


def _load_strictly(network: Network, tensors: Tensors, whose: str) -> None:
    """Load tensors, as float32, under the names of the network's class."""
    entry = entry_called(type(network).__name__)
    named = entry.named(tensors) if entry else tensors
    if mismatch := list_mismatches(network.state_dict(), named):
        raise WeightsError(f"{whose}: not the weights of {described(network)}: {mismatch}")
    network.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in named.items()}
    )


def _described_in(path: Path) -> Network | None:
    """Build the network that ``save_weights`` wrote this file for, if it wrote it."""
    text = read_metadata(path, METADATA_KEY)
    if text is None:
        return None
    try:
        about = json.loads(text)
        version, architecture = about["version"], about["architecture"]
        arguments = dict(about["settings"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(f"{path}: its metadata are damaged; get the file again") from error
    try:
        entry = entry_called(architecture)
        if version != VERSION or entry is None:
            raise KeyError(architecture)
        return _built(entry, arguments)
    except (KeyError, TypeError) as error:
        raise WeightsError(
            f"{path}: holds {architecture} in format version {version}; this program reads "
            f"{known_names()} in version {VERSION}: update it"
        ) from error


def _built(entry: Entry, size: Size) -> Network:
    network = entry.network(**size)
    assert isinstance(network, Network)
    return network


def _deduced(whose: str, tensors: Tensors) -> Network:
    try:
        found = recognised(tensors)
        if found:
            return _built(*found)
    except (SettingsError, ValueError, LookupError, ArithmeticError) as error:
        raise WeightsError(f"{whose}: {error}") from error
    raise WeightsError(
        f"{whose}: of no network that is known here ({known_names()}{more()}); "
        f"its keys are {some(list(tensors))}"
    )
