"""Weights for other programs: BasicSR-style ``.pth``, safetensors with metadata, ONNX, ncnn."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from degrade.errors import DegradeError, SettingsError
from sr_train.architectures import Network, described, recognised
from sr_train.export.ncnn_export import save_ncnn
from sr_train.export.onnx_export import OnnxForm, save_onnx
from sr_train.network_files import load_any, save_weights, state_of
from sr_train.networks.generator import Generator, ReferenceGenerator, Tensors
from sr_train.networks.rrdbnet import RRDBNet, widened
from sr_train.networks.spandrel_network import SpandrelNetwork
from sr_train.weights.rrdb_keys import Style, from_basicsr
from sr_train.weights.weights_file import replace_file

SUFFIXES = (".pth", ".safetensors", ".onnx", ".param")

WRAPPERS = ("params_ema", "params")
"""Entries of a BasicSR-style file, because programs look for one or the other."""

SPANDRELS_GROWTH = 32
"""The only growth with which spandrel builds RRDBNet."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    network: Network
    difference: float | None = None
    """ONNX, ncnn: largest difference from torch on a sample picture, of the range [0, 1]."""


def export_model(
    weights: Path,
    out: Path,
    style: Style = "basicsr",
    form: OnnxForm | None = None,
    widen: bool = False,
    on_note: Callable[[str], None] = lambda note: None,
) -> Exported:
    """Write the network of a weights file in the format that ``out`` ends with.

    - ``.pth``: for style ``basicsr`` the tensors stand under ``params`` and ``params_ema`` (the
      same ones, in the file once), because programs look for one or the other; in the styles
      ``esrgan`` and ``old`` they stand alone, as in ESRGAN's and RealSR's files.
    - ``.safetensors``: with metadata, as training writes it.
    - ``.onnx``: input ``lr`` and output ``sr``, NCHW RGB in [0, 1], of any batch size and sides
      unless ``form`` says otherwise; run by onnxruntime on a sample picture before it is put in
      place.
    - ``.param``, with ``.bin`` beside it: ncnn's, by pnnx; run by ncnn likewise.

    Args:
        weights: Of a generator, or (not to ONNX or ncnn) of a discriminator.
        out: The file to write, replaced whole.
        style: RRDBNet's parameter names in a ``.pth``.
        form: Sizes, bits and opset of ONNX; its bits count for ncnn, too.
        widen: Whether RRDBNet of a smaller growth than 32 gets it, with weights of 0: the same
            pixels, in a file that programs which read by spandrel load.
        on_note: Called, before anything is written, with what other programs will make of the file.

    Raises:
        SettingsError: ``out`` has another ending, or ``style`` or ``form`` does not go with it.
        WeightsError: The weights cannot be read.
        DegradeError: A discriminator or a network with references to ONNX or ncnn, or the packages
            for these are not installed, or what they give differs from torch.
    """
    if out.suffix not in SUFFIXES:
        raise SettingsError(f"{out}: give a file ending in {', '.join(SUFFIXES)}")
    if style != "basicsr" and out.suffix != ".pth":
        raise SettingsError(f"style {style} is for .pth files, not {out.name}: leave it out")
    form = form or OnnxForm()
    _check_form(form, out)
    network = load_any(weights).eval()
    if style != "basicsr" and not isinstance(network, RRDBNet):
        raise SettingsError(f"style {style} is for RRDBNet, not {type(network).__name__}")
    if widen:
        network = _widened(network)
    if out.suffix in (".pth", ".safetensors") and (note := other_programs(network)):
        on_note(note)
    match out.suffix:
        case ".pth":
            _save_pth(out, network, style)
        case ".safetensors":
            save_weights(out, network)
        case ".onnx":
            return Exported(network, save_onnx(out, _generator(network, weights), form))
        case _:
            return Exported(network, save_ncnn(out, _generator(network, weights), form.half))
    return Exported(network)


def _check_form(form: OnnxForm, out: Path) -> None:
    for option, value, suffixes in (
        ("--size", form.size, (".onnx",)),
        ("--opset", form.opset, (".onnx",)),
        ("--half", form.half, (".onnx", ".param")),
    ):
        if value and out.suffix not in suffixes:
            raise SettingsError(
                f"{option} is for {' and '.join(suffixes)}, not {out.name}: leave it out"
            )


def other_programs(network: Network) -> str | None:
    """Return why programs that read weights by spandrel do not get a generator's pictures.

    None if they do. They recognise a network by names and shapes alone.
    """
    readers = "programs that read weights by spandrel (chaiNNer, ComfyUI)"
    if not isinstance(network, Generator) or isinstance(network, SpandrelNetwork):
        return None
    if not isinstance(network, RRDBNet):
        return f"{readers} do not know {type(network).__name__}{_instead(network)}"
    if network.arguments["growth"] != SPANDRELS_GROWTH:
        return (
            f"{readers} take RRDBNet's growth for {SPANDRELS_GROWTH}, here it is "
            f"{network.arguments['growth']}, and will not load this file{_wider(network)}"
            f"{_instead(network)}"
        )
    if network.scale == 3:
        return f"{readers} take this x3 network for x2, without a word{_instead(network)}"
    return None


def _wider(network: RRDBNet) -> str:
    return "; --widen makes it so" if network.arguments["growth"] < SPANDRELS_GROWTH else ""


def _widened(network: Network) -> Network:
    if not isinstance(network, RRDBNet):
        raise SettingsError(f"--widen is for RRDBNet, not {type(network).__name__}: leave it out")
    return widened(network, SPANDRELS_GROWTH)


def _instead(network: Generator) -> str:
    return "" if isinstance(network, ReferenceGenerator) else "; they run .onnx, which tells all"


def _save_pth(out: Path, network: Network, style: Style) -> None:
    state = from_basicsr(state_of(network), style)
    _check_recognisable(out, network, state)
    with replace_file(out) as aside:
        torch.save(dict.fromkeys(WRAPPERS, state) if style == "basicsr" else state, aside)


def _check_recognisable(out: Path, network: Network, state: Tensors) -> None:
    """Refuse a file whose tensors do not identify its network, or would be taken for another's."""
    if not isinstance(network, Generator):
        return
    try:
        found = recognised(state)
        size = found and found[0].network(**found[1]).arguments
    except ValueError:
        size = None
    if size != network.arguments:
        raise SettingsError(
            f"{out}: the names and shapes in such a file would not tell {described(network)}, and "
            "programs take it for another network: give a .safetensors, which says what it holds, "
            "or another --style"
        )


def _generator(network: Network, weights: Path) -> Generator:
    if isinstance(network, ReferenceGenerator):
        raise DegradeError(
            f"{weights}: holds {type(network).__name__}, which takes references; ONNX and ncnn are "
            "for networks that take LR alone: give .pth or .safetensors"
        )
    if isinstance(network, Generator):
        return network
    raise DegradeError(
        f"{weights}: holds {type(network).__name__}; only generators are exported to ONNX and ncnn"
    )
