"""Weights for other programs: BasicSR-style ``.pth``, safetensors with metadata, ONNX."""

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from degrade.errors import DegradeError, SettingsError
from sr_train.architectures import Network, described, recognised
from sr_train.networks.entry import Tensors
from sr_train.networks.generator import Generator
from sr_train.networks.reference_generator import ReferenceGenerator
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.parts.files import replace_file
from sr_train.rrdb_keys import Style, from_basicsr
from sr_train.weights import load_any, save_weights, state_of

SUFFIXES = (".pth", ".safetensors", ".onnx")

WRAPPERS = ("params_ema", "params")
"""Entries of a BasicSR-style file, because programs look for one or the other."""

EXAMPLE_SIDE = 16
"""LR pixels of the picture that a network is traced with; the file takes any size."""


def export_model(weights: Path, out: Path, style: Style = "basicsr") -> Network:
    """Write the network of a weights file in the format that ``out`` ends with.

    - ``.pth``: for style ``basicsr`` the tensors stand under ``params`` and ``params_ema`` (the
      same ones, in the file once), because programs look for one or the other; in the styles
      ``esrgan`` and ``old`` they stand alone, as in ESRGAN's and RealSR's files.
    - ``.safetensors``: with metadata, as training writes it.
    - ``.onnx``: input ``lr`` and output ``sr``, NCHW RGB in [0, 1], of any batch size and sides.

    Args:
        weights: Of a generator, or (not to ONNX) of a discriminator.
        out: The file to write, replaced whole.
        style: RRDBNet's parameter names in a ``.pth``.

    Returns:
        The network.

    Raises:
        SettingsError: ``out`` has another ending, or ``style`` does not go with it.
        WeightsError: The weights cannot be read.
        DegradeError: A discriminator or a network with references to ONNX, or the packages for ONNX
            are not installed.
    """
    if out.suffix not in SUFFIXES:
        raise SettingsError(f"{out}: give a file ending in {', '.join(SUFFIXES)}")
    if style != "basicsr" and out.suffix != ".pth":
        raise SettingsError(f"style {style} is for .pth files, not {out.name}: leave it out")
    network = load_any(weights).eval()
    if style != "basicsr" and not isinstance(network, RRDBNet):
        raise SettingsError(f"style {style} is for RRDBNet, not {type(network).__name__}")
    match out.suffix:
        case ".pth":
            _save_pth(out, network, style)
        case ".safetensors":
            save_weights(out, network)
        case _:
            _save_onnx(out, _generator(network, weights))
    return network


def _save_pth(out: Path, network: Network, style: Style) -> None:
    state = from_basicsr(state_of(network), style)
    _check_told(out, network, state)
    with replace_file(out) as aside:
        torch.save(dict.fromkeys(WRAPPERS, state) if style == "basicsr" else state, aside)


def _check_told(out: Path, network: Network, state: Tensors) -> None:
    """Refuse a file from which nobody could tell what network it holds, or would tell another."""
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
            f"{weights}: holds {type(network).__name__}, which takes references; ONNX is for "
            "networks that take LR alone: give .pth or .safetensors"
        )
    if isinstance(network, Generator):
        return network
    raise DegradeError(
        f"{weights}: holds {type(network).__name__}; only generators are exported to ONNX"
    )


def _save_onnx(out: Path, network: Generator) -> None:
    """Trace the network with symbolic sizes and write one file, weights included."""
    for package in ("onnx", "onnxscript"):
        _require(package)
    sizes = {i: torch.export.Dim(n) for i, n in ((0, "batch"), (2, "height"), (3, "width"))}
    # Batch 2, because the tracer takes a size of 1 for a constant.
    lr = torch.rand(2, 3, EXAMPLE_SIDE, EXAMPLE_SIDE + network.multiple)
    with replace_file(out) as aside, _quiet():
        torch.onnx.export(
            network,
            (lr,),
            aside,
            input_names=["lr"],
            output_names=["sr"],
            dynamic_shapes={"lr": sizes},
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def _require(package: str) -> None:
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise DegradeError(
            f"exporting ONNX needs {package}, which is not installed: pip install 'degrade[onnx]'"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes on packages that it could have used from the user."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
