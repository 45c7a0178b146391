"""The table of networks: what weights files can hold, and what can be trained by name.

A network is one file in `sr_train.networks`, which ends with its entry, and one line here.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from degrade.errors import SettingsError
from sr_train.networks import (
    patchgan,
    rrdbnet,
    srgan_discriminator,
    srntt,
    srresnet,
    texture_discriminator,
    ttsr,
    unet,
    vgg128,
)
from sr_train.networks.entry import Entry, Size, Tensors
from sr_train.networks.generator import Generator
from sr_train.networks.patchgan import PatchDiscriminator
from sr_train.networks.srgan_discriminator import SrganDiscriminator
from sr_train.networks.texture_discriminator import TextureDiscriminator
from sr_train.networks.unet import UNetDiscriminator
from sr_train.networks.vgg128 import Vgg128Discriminator

Discriminator = (
    PatchDiscriminator
    | Vgg128Discriminator
    | UNetDiscriminator
    | SrganDiscriminator
    | TextureDiscriminator
)
Network = Generator | Discriminator

ENTRIES = (
    rrdbnet.ENTRY,
    srresnet.ENTRY,
    ttsr.ENTRY,
    srntt.ENTRY,
    patchgan.ENTRY,
    vgg128.ENTRY,
    unet.ENTRY,
    srgan_discriminator.ENTRY,
    texture_discriminator.ENTRY,
)
"""Every kind of network, in the order in which a file without metadata is tried for them."""


def described(network: Network) -> str:
    """Return a network's name and size for a message, such as ``RRDBNet x4, 64/23/32``."""
    sizes = dict(network.arguments)
    scale = f" x{sizes.pop('scale')}" if "scale" in sizes else ""
    numbers = "/".join(map(str, sizes.values()))
    return f"{type(network).__name__}{scale}" + (f", {numbers}" if numbers else "")


def entry_called(name: str) -> Entry | None:
    """Return the entry of the class that weights files name, None if it is not known."""
    return next((entry for entry in ENTRIES if entry.network.__name__ == name), None)


def recognised(tensors: Tensors) -> tuple[Entry, Size] | None:
    """Return which network a file's tensors look to be of and its arguments, None if unknown.

    Raises:
        ValueError: They are of a known one, whose scale they do not tell.
    """
    for entry in ENTRIES:
        if (size := entry.recognise(tensors)) is not None:
            return entry, size
    return None


def known_names() -> str:
    """Return the names of all networks, for a message."""
    return ", ".join(entry.network.__name__ for entry in ENTRIES)


def build(architecture: str, scale: int, size: Mapping[str, Any]) -> Generator:
    """Return an untrained generator by its name in the settings.

    Args:
        architecture: Of an entry.
        scale: SR pixels per LR pixel.
        size: Further arguments of the network's class.

    Raises:
        SettingsError: There is no such network, or it takes no such arguments.
    """
    chosen = {entry.architecture: entry.network for entry in ENTRIES if entry.architecture}
    if architecture not in chosen:
        raise SettingsError(
            f"network.architecture: {architecture} is not known; give {', '.join(chosen)}"
        )
    kind = chosen[architecture]
    taken = [name for name in inspect.signature(kind).parameters if name != "scale"]
    if unknown := [name for name in size if name not in taken]:
        raise SettingsError(
            f"network.{unknown[0]}: {architecture} has no such size; it has {', '.join(taken)}"
        )
    network = kind(scale=scale, **size)
    assert isinstance(network, Generator)
    return network
