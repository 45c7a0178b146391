"""The table of networks: what weights files can hold, and what can be trained by name.

A network is one file in `sr_train.networks`, or in `sr_train.reference` if it takes references,
which ends with its entry, and one line here.
"""

from sr_train.networks import (
    patchgan,
    rrdbnet,
    spandrel_network,
    srgan_discriminator,
    srresnet,
    unet,
    vgg128,
)
from sr_train.networks.generator import Entry, Generator, Size, Tensors
from sr_train.networks.patchgan import PatchDiscriminator
from sr_train.networks.srgan_discriminator import SrganDiscriminator
from sr_train.networks.unet import UNetDiscriminator
from sr_train.networks.vgg128 import Vgg128Discriminator
from sr_train.reference import srntt, texture_discriminator, ttsr
from sr_train.reference.texture_discriminator import TextureDiscriminator
from sr_train.settings.common import Settings

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
    spandrel_network.ENTRY,
)
"""Every kind of network, in the order in which a file without metadata is tried for them."""


def described(network: Network) -> str:
    """Return a network's name and size for a message, such as ``RRDBNet x4, 64/23/32``."""
    sizes = dict(network.arguments)
    sizes.pop("hyperparameters", None)
    name = sizes.pop("architecture", type(network).__name__)
    sizes.pop("scale", None)
    scale = f" x{network.scale}" if isinstance(network, Generator) else ""
    numbers = "/".join(map(str, sizes.values()))
    return f"{name}{scale}" + (f", {numbers}" if numbers else "")


def entry_called(name: str) -> Entry | None:
    """Return the entry of the class that weights files name, None if it is not known."""
    return next((entry for entry in ENTRIES if entry.network.__name__ == name), None)


def recognised(tensors: Tensors) -> tuple[Entry, Size] | None:
    """Return which network a file's tensors look to be of and its arguments, None if unknown.

    Raises:
        ValueError: They are of a known one, whose scale does not follow from them.
    """
    for entry in ENTRIES:
        if (size := entry.recognise(tensors)) is not None:
            return entry, size
    return None


def known_names() -> str:
    """Return the names of all networks, for a message."""
    return ", ".join(entry.network.__name__ for entry in ENTRIES)


def build(chosen: Settings, scale: int, published: str) -> Generator:
    """Return the untrained generator that settings choose, with torch's global draws.

    Args:
        chosen: Its ``architecture``, if they name one, and the further arguments of its class.
        scale: SR pixels per LR pixel.
        published: The architecture of settings that name none.

    Raises:
        SettingsError: There is no such network, it takes no such arguments, or has another scale.
    """
    size = chosen.model_dump()
    architecture = size.pop("architecture", published)
    entry = next((entry for entry in ENTRIES if entry.architecture == architecture), None)
    if entry is None:
        return spandrel_network.configured(architecture, scale, size)
    network = entry.network(scale=scale, **size)
    assert isinstance(network, Generator)
    return network
