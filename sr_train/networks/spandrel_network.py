"""Any single-image network that the package spandrel knows, as a generator of this program.

spandrel recognises a network and its size by the names and shapes of its weights alone, and so do
the programs that read by it (chaiNNer, ComfyUI). What is built here is what they would build.
"""

import importlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from inspect import Parameter, signature
from math import lcm
from types import ModuleType
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from degrade.errors import DegradeError, SettingsError
from sr_train.networks.generator import Entry, Generator, Size, Tensors
from sr_train.networks.receptive_field import Reach, measured_reach

SCALES = ("scale", "upscale", "upscaling_factor", "up_scale", "upscale_factor")
"""How the classes' arguments call the magnification."""
CHANNELS = ("num_in_ch", "num_out_ch", "in_nc", "out_nc")
"""Arguments that say how many colours a picture has."""
WINDOWS = ("window_size", "win_size", "split_size")
"""Arguments that say how large the windows are within which attention looks."""
USUAL: dict[str, dict[str, Any]] = {
    "HAT": {"window_size": 16, "embed_dim": 180},
    "NAFNet": {"width": 32, "enc_blk_nums": [1, 1, 1, 28], "dec_blk_nums": [1, 1, 1, 1]},
    "SAFMN": {"dim": 36},
    "SAFMNBCIE": {"dim": 36},
    "Swin2SR": {"window_size": 8},
    "SwinIR": {"window_size": 8},
}
"""Published values of arguments that have no default in the class, or one that does not work."""
PURPOSES = ("SR", "Restoration")
ON_TRAINING = "drop"
"""Arguments with this in their name act in training alone; weights do not show them."""


def spandrel() -> ModuleType:
    """Return the package.

    Raises:
        DegradeError: It is not installed, or does not load.
    """
    try:
        return importlib.import_module("spandrel")
    except ImportError as error:
        raise DegradeError("spandrel is not installed: pip install 'degrade[spandrel]'") from error
    except RuntimeError as error:  # torchvision, which it needs, is of another torch
        raise DegradeError(
            f"spandrel does not load ({error}): install the torchvision that fits this torch"
        ) from error


def more() -> str:
    """Return how more networks become known, for a message; "" where the package is there."""
    try:
        spandrel()
    except DegradeError as missing:
        return f"; for the networks of spandrel: {missing}"
    return ""


class SpandrelNetwork(Generator):
    """A network of spandrel; its weights have the names that they have there.

    Pictures whose sides are no multiple of what it takes, or smaller, are extended at the bottom
    and right by reflection (as spandrel does) and the SR is cut.

    Args:
        architecture: spandrel's class, such as ``SPAN`` or ``RealPLKSR``.
        hyperparameters: The class's arguments.

    Raises:
        SettingsError: There is no such class, or its network does not make RGB from RGB.
    """

    def __init__(self, architecture: str, hyperparameters: Mapping[str, Any]) -> None:
        super().__init__()
        loader, kind = _class_called(architecture)
        try:
            self.network: nn.Module = kind(**hyperparameters)
        except Exception as error:  # whatever a class says of arguments that do not go together
            raise SettingsError(f"network: {architecture} cannot be built: {error}") from error
        about = loader.load(dict(self.network.state_dict()))
        if about.purpose not in PURPOSES or (about.input_channels, about.output_channels) != (3, 3):
            raise SettingsError(
                f"{architecture} takes {about.input_channels} channels and gives "
                f"{about.output_channels} ({about.purpose}): networks from RGB to RGB are trained"
            )
        self.arguments = {
            "architecture": architecture,
            "hyperparameters": _plain(self.network.hyperparameters),
        }
        self.scale = about.scale
        self.size = about.size_requirements
        windows = [self.arguments["hyperparameters"].get(name, 1) for name in WINDOWS]
        self.multiple = lcm(self.size.multiple_of, *(n for w in windows for n in _numbers(w)))
        # Some classes return several things, or expect another range: only spandrel knows which.
        self._call = about._call_fn

    @property
    def body(self) -> nn.Sequential:  # type: ignore[override]
        """The whole network, as its blocks are of many kinds."""
        return nn.Sequential(self.network)

    @cached_property
    def reach(self) -> Reach:
        """How far it sees; measured when it is first asked for."""
        return measured_reach(self, self.multiple, self.size.minimum)

    @property
    def radius(self) -> int:
        """LR pixels that tiles overlap by: as far as it sees, or see `reach`."""
        return self.reach.pixels

    def tiling_note(self) -> str | None:
        """Return what tiles changed, None if nothing, or if there was no need for tiles yet."""
        found = self.__dict__.get("reach")
        if found is None or found.seam is None:
            return None
        return (
            f"{self.arguments['architecture']} sees whole pictures: tiles overlap by "
            f"{found.pixels} LR pixels, and a seam of a test picture differed by up to "
            f"{found.seam:.1f} of 255 levels; a larger --tile makes fewer seams"
        )

    def forward(self, lr: Tensor) -> Tensor:
        """Enlarge LR [B, 3, h, w] to SR [B, 3, scale*h, scale*w], range [0, 1], not clamped."""
        height, width = lr.shape[-2:]
        sr: Tensor = self._call(self.network, lr if self.size.none else self._extended(lr))
        return sr[..., : height * self.scale, : width * self.scale]

    def _extended(self, lr: Tensor) -> Tensor:
        height, width = lr.shape[-2:]
        right, bottom = self.size.get_padding(width, height)
        # A reflection has no more pixels than the picture; the edge is repeated for the rest.
        mirrored = min(right, width - 1), min(bottom, height - 1)
        lr = F.pad(lr, (0, mirrored[0], 0, mirrored[1]), mode="reflect")
        return F.pad(lr, (0, right - mirrored[0], 0, bottom - mirrored[1]), mode="replicate")

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the weights under spandrel's names."""
        return self.network.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load weights under spandrel's names."""
        return self.network.load_state_dict(*args, **kwargs)


def configured(architecture: str, scale: int, size: Mapping[str, Any]) -> SpandrelNetwork:
    """Return an untrained network.

    Args:
        architecture: spandrel's class.
        scale: SR pixels per LR pixel.
        size: Arguments of the class, beside the scale and the colours.

    Raises:
        SettingsError: The class takes no such arguments or has another scale, or weights would not
            tell the arguments, so that other programs would build another network.
    """
    _, kind = _class_called(architecture)
    taken = signature(kind.__init__).parameters
    if unknown := [name for name in size if name not in taken]:
        raise SettingsError(
            f"network.{unknown[0]}: {architecture} takes no such argument; it takes "
            f"{', '.join(name for name in taken if name not in ('self', *SCALES, *CHANNELS))}"
        )
    network = SpandrelNetwork(
        architecture, USUAL.get(architecture, {}) | _with_scale(taken, scale) | dict(size)
    )
    if network.scale != scale:
        raise SettingsError(
            f"{architecture} enlarges by {network.scale} here, the pairs by {scale}"
        )
    found = spandrel().MAIN_REGISTRY.load(dict(network.state_dict())).model
    given = _plain(found.hyperparameters)
    for name, value in network.arguments["hyperparameters"].items():
        other = given.get(name)
        if name in size and ON_TRAINING not in name and other != _plain({"": value})[""]:
            raise SettingsError(
                f"network.{name}: the weights of {architecture} do not tell {value}, and programs "
                f"would take {other}: leave it out, or give that"
            )
    kept = {name: value for name, value in size.items() if ON_TRAINING in name}
    rebuilt = SpandrelNetwork(_name_of(found), given | kept)
    rebuilt.load_state_dict(network.state_dict())
    return rebuilt


def recognise(tensors: Tensors) -> Size | None:
    """Return the arguments of spandrel's network that tensors look to be of, None if it is absent.

    Raises:
        ValueError: They look to be of one that does not load.
    """
    model = _loaded(tensors)
    if model is None:
        return None
    return {
        "architecture": _name_of(model),
        "hyperparameters": _plain(model.hyperparameters),
    }


def named(tensors: Tensors) -> Tensors:
    """Return tensors under the names that spandrel's class gives them."""
    model = _loaded(tensors)
    return tensors if model is None else dict(model.state_dict())


def _loaded(tensors: Tensors) -> Any:
    """Return the network that spandrel makes of tensors, None if it knows none or is absent."""
    try:
        package = spandrel()
    except DegradeError:
        return None
    wide = {key: v.float() if v.is_floating_point() else v for key, v in tensors.items()}
    try:
        return package.MAIN_REGISTRY.load(wide).model
    except package.UnsupportedModelError:
        return None
    except Exception as error:  # tensors of some network's names, but not of its shapes
        raise ValueError(f"spandrel cannot load it: {error}".splitlines()[0]) from error


def _classes() -> Iterator[tuple[str, Any, type[nn.Module]]]:
    """Yield the name, spandrel's loader and the class of each network."""
    for support in spandrel().MAIN_REGISTRY:
        module = importlib.import_module(type(support.architecture).__module__)
        for name in module.__all__:
            kind = getattr(module, name)
            if isinstance(kind, type) and issubclass(kind, nn.Module):
                yield name, support.architecture, kind


def _class_called(wanted: str) -> tuple[Any, Any]:
    """Return spandrel's loader of a class, and the class."""
    for name, loader, kind in _classes():
        if name == wanted:
            return loader, kind
    raise SettingsError(f"spandrel has no network {wanted}; update one or the other")


def _name_of(model: nn.Module) -> str:
    return next(name for name, _, kind in _classes() if kind is type(model))


def _with_scale(taken: Mapping[str, Parameter], scale: int) -> dict[str, Any]:
    """Return the arguments that make a class enlarge RGB by a scale."""
    chosen: dict[str, Any] = {name: 3 for name in CHANNELS if name in taken}
    for name in SCALES:
        if name in taken:
            chosen[name] = [scale] if isinstance(taken[name].default, list) else scale
    if scale > 1 and "upsampler" in taken and taken["upsampler"].default == "":
        chosen["upsampler"] = "pixelshuffle"
    return chosen


def _plain(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that JSON can hold, as it gives them back; the others are defaults."""
    kept = {}
    for name, value in hyperparameters.items():
        try:
            kept[name] = json.loads(json.dumps(value))
        except TypeError:
            continue
    return kept


def _numbers(value: Any) -> list[int]:
    """Return the whole numbers of an argument that is one or a list of them."""
    every = value if isinstance(value, list) else [value]
    return [number for number in every if isinstance(number, int) and number > 0]


ENTRY = Entry(SpandrelNetwork, recognise, named)
