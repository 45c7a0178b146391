"""Which network a method trains, and its size: the published ones field by field, others openly."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag

from sr_train.settings.choices import OtherArchitecture
from sr_train.settings.common import Settings


class NetworkSettings(Settings):
    """Size of RRDBNet; the defaults are the published network (16.7 million parameters)."""

    features: int = Field(64, ge=1, description="Channels between the blocks (nf).")
    blocks: int = Field(23, ge=1, description="Residual-in-residual dense blocks (nb).")
    growth: int = Field(32, ge=1, description="Channels that each dense layer adds (gc).")


class SRResNetSettings(Settings):
    """Size of SRResNet; the defaults are the paper's network (1.5 million parameters)."""

    features: int = Field(64, ge=1, description="Channels.")
    blocks: int = Field(16, ge=1, description="Residual blocks.")


class RrdbNetwork(NetworkSettings):
    """RRDBNet and its size."""

    architecture: Literal["rrdbnet"] = Field("rrdbnet", description="ESRGAN's generator.")


class SRResNetNetwork(SRResNetSettings):
    """SRResNet and its size."""

    architecture: Literal["srresnet"] = Field("srresnet", description="SRGAN's generator.")


def _known(name: object) -> object:
    names = get_args(OtherArchitecture)
    if name not in names:
        raise ValueError(f"{name} is not known: give rrdbnet, srresnet or {', '.join(names)}")
    return name


class OtherNetwork(Settings):
    """A network of the package spandrel; further fields are its class's arguments there."""

    model_config = ConfigDict(extra="allow")

    architecture: Annotated[OtherArchitecture, BeforeValidator(_known)] = Field(
        description="spandrel's class; any further field, such as num_feat, is an argument of it."
    )


PUBLISHED = "published"
"""Tag of the method's own network, which says no architecture."""


def _tag(network: Any) -> str:
    """Return which of the choices a mapping or a model is meant as."""
    is_mapping = isinstance(network, dict)
    named = network.get("architecture") if is_mapping else getattr(network, "architecture", None)
    known = {None: PUBLISHED, "rrdbnet": "rrdbnet", "srresnet": "srresnet"}
    return known.get(named, "other") if named is None or isinstance(named, str) else "other"


_Rrdb = Annotated[RrdbNetwork, Tag("rrdbnet")]
_SRResNet = Annotated[SRResNetNetwork, Tag("srresnet")]
_Other = Annotated[OtherNetwork, Tag("other")]

PsnrNetwork = Annotated[
    Annotated[RrdbNetwork, Tag(PUBLISHED)] | _Rrdb | _SRResNet | _Other, Discriminator(_tag)
]
"""RRDBNet unless another is named."""
EsrganNetwork = Annotated[
    Annotated[NetworkSettings, Tag(PUBLISHED)] | _Rrdb | _SRResNet | _Other, Discriminator(_tag)
]
"""The same; without ``architecture``, settings are what they were when there was no choice."""
SrganNetwork = Annotated[
    Annotated[SRResNetSettings, Tag(PUBLISHED)] | _Rrdb | _SRResNet | _Other, Discriminator(_tag)
]
"""SRResNet unless another is named."""
