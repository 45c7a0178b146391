"""The networks that weights files can hold: their names, sizes, and how tensors tell them apart."""

import re
from collections.abc import Mapping
from math import isqrt, prod

from torch import Tensor

from sr_train.networks.generator import Generator
from sr_train.networks.patchgan import PatchDiscriminator
from sr_train.networks.rrdbnet import UNSHUFFLE, UPSAMPLING, RRDBNet
from sr_train.networks.srgan_discriminator import SrganDiscriminator
from sr_train.networks.srntt import SRNTT
from sr_train.networks.srresnet import SRResNet
from sr_train.networks.texture_discriminator import TextureDiscriminator
from sr_train.networks.ttsr import TTSR
from sr_train.networks.unet import UNetDiscriminator
from sr_train.networks.vgg128 import Vgg128Discriminator
from sr_train.settings.srgan import CROP_MULTIPLE

Discriminator = (
    PatchDiscriminator
    | Vgg128Discriminator
    | UNetDiscriminator
    | SrganDiscriminator
    | TextureDiscriminator
)
Network = Generator | Discriminator
Size = dict[str, int]
Tensors = Mapping[str, Tensor]

NETWORKS: dict[str, type[Network]] = {
    "RRDBNet": RRDBNet,
    "SRResNet": SRResNet,
    "SRNTT": SRNTT,
    "TTSR": TTSR,
    "PatchDiscriminator": PatchDiscriminator,
    "Vgg128Discriminator": Vgg128Discriminator,
    "UNetDiscriminator": UNetDiscriminator,
    "SrganDiscriminator": SrganDiscriminator,
    "TextureDiscriminator": TextureDiscriminator,
}
"""Every network that a weights file can name, called with its ``arguments``."""


def described(network: Network) -> str:
    """Return a network's name and size for a message, such as ``RRDBNet x4, 64/23/32``."""
    sizes = dict(network.arguments)
    scale = f" x{sizes.pop('scale')}" if "scale" in sizes else ""
    numbers = "/".join(map(str, sizes.values()))
    return f"{type(network).__name__}{scale}" + (f", {numbers}" if numbers else "")


def deduced(tensors: Tensors) -> Network | None:
    """Return an untrained network that tensors (RRDBNet's in BasicSR's names) look to be of.

    None if they look like no known one.

    Raises:
        ValueError: They are RRDBNet's, of a scale that shapes do not tell.
    """
    if "body.0.rdb1.conv1.weight" in tensors and "conv_first.weight" in tensors:
        return RRDBNet(**_rrdb_size(tensors))
    if "bn_body.weight" in tensors and "conv_first.weight" in tensors:
        return SRResNet(**_srresnet_size(tensors))
    if "MainNet.SFE.conv_head.weight" in tensors and "LTE.slice1.0.weight" in tensors:
        return TTSR(**_ttsr_size(tensors))
    if "content.conv_head.weight" in tensors and "texture.conv_last.weight" in tensors:
        return SRNTT(**_srntt_size(tensors))
    if "model.11.weight" in tensors and "model.9.running_mean" in tensors:
        return PatchDiscriminator()
    if "conv4_1.weight" in tensors and "linear2.weight" in tensors:
        return Vgg128Discriminator()
    if "conv0.weight" in tensors and "conv1.weight_orig" in tensors:
        return UNetDiscriminator(tensors["conv0.weight"].shape[0])
    if "dense.0.weight" in tensors and "features.0.weight" in tensors:
        return SrganDiscriminator(isqrt(tensors["dense.0.weight"].shape[1] // 512) * CROP_MULTIPLE)
    return None


def _rrdb_size(tensors: Tensors) -> Size:
    return {
        "scale": _rrdb_scale(tensors),
        "features": tensors["conv_first.weight"].shape[0],
        "blocks": _numbered(tensors, "body"),
        "growth": tensors["body.0.rdb1.conv1.weight"].shape[0],
    }


def _rrdb_scale(tensors: Tensors) -> int:
    inputs = tensors["conv_first.weight"].shape[1]
    enlargements = sum(1 for key in tensors if re.fullmatch(r"conv_up\d\.weight", key))
    for scale, factors in UPSAMPLING.items():
        # One enlargement without metadata may be by 2 or by 3: never guess.
        fits = (inputs, enlargements) == (3 * UNSHUFFLE.get(scale, 1) ** 2, len(factors))
        if fits and enlargements > 1:
            return scale
    raise ValueError(
        f"cannot tell its scale from {inputs} input channels and {enlargements} "
        "enlargements; scales 1, 2, 4 and 8 of BasicSR's RRDBNet can be told"
    )


def _ttsr_size(tensors: Tensors) -> Size:
    names = {"shallow": "SFE.RBs", "first": "RB11", "second": "RB21", "third": "RB31"}
    depths = {
        size: len({key for key in tensors if key.startswith(f"MainNet.{blocks}.")}) // 4
        for size, blocks in names.items()
    }
    return {"features": tensors["MainNet.SFE.conv_head.weight"].shape[0], **depths}


def _srntt_size(tensors: Tensors) -> Size:
    blocks = {"content": "content", "blocks": "texture.coarse"}
    depths = {
        size: sum(
            re.fullmatch(rf"{part}\.trunk\.blocks\.\d+\.conv1\.weight", key) is not None
            for key in tensors
        )
        for size, part in blocks.items()
    }
    return {"features": tensors["content.conv_head.weight"].shape[0], **depths}


def _srresnet_size(tensors: Tensors) -> Size:
    features = tensors["conv_first.weight"].shape[0]
    shuffles = [value.shape[0] for key, value in tensors.items() if _is_shuffle(key)]
    return {
        "scale": prod(isqrt(channels // features) for channels in shuffles),
        "features": features,
        "blocks": _numbered(tensors, "body"),
    }


def _is_shuffle(key: str) -> bool:
    return re.fullmatch(r"up\.\d\.conv\.weight", key) is not None


def _numbered(tensors: Tensors, module: str) -> int:
    return len({key.split(".")[1] for key in tensors if key.startswith(f"{module}.")})
