"""Which engine computes a network: the one that was asked for, or the quickest on this machine.

A network is converted once: the engine's file and what was measured stay in the cache folder, under
the hash of its weights and of the versions of all packages that have a part in it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Literal, get_args

import torch

from degrade.errors import DegradeError
from degrade.store.cache import cache_folder
from sr_train.engines.engine import ByEngine, Compute, Engine, check_fits
from sr_train.engines.engine_table import ENGINES
from sr_train.export.parity import check_difference, difference_from
from sr_train.inference.upscaling import Upscaler, compute
from sr_train.networks.generator import Generator
from sr_train.networks.receptive_field import sample_picture
from sr_train.weights.weights_file import replace_file

Backend = Literal["auto", "torch", "ncnn", "onnxruntime", "openvino"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
WORTH = 600.0
"""Seconds of work by torch from which a search for a quicker engine pays: to convert RRDBNet with
23 blocks takes 7 (OpenVINO) to 80 s (ncnn) of one core, once, and saves a tenth to a third."""
SIDE = 96
"""LR pixels along the sides of the picture that is timed."""
ROUNDS = 2
"""Times each engine is timed; the quickest counts."""
MARGIN = 0.95
"""Share of torch's time that another engine may take at most, or torch is kept: it needs no
converted files."""


@dataclass(frozen=True)
class Chosen:
    """Who computes a network.

    Attributes:
        network: To upscale with: the network itself, or `ByEngine`.
        name: ``torch``, or the engine's.
        note: What was measured; empty where nothing was.
    """

    network: Upscaler
    name: str
    note: str = ""


def choose(network: Generator, backend: Backend, pixels: int, bf16: bool = False) -> Chosen:
    """Return a network that computes as was asked for.

    Args:
        network: On the CPU, in evaluation mode. Elsewhere, torch computes it.
        backend: ``auto``: the quickest of the installed engines, measured once for each network and
            number of threads, if there is so much to do that it pays.
        pixels: LR pixels that are to be upscaled.
        bf16: Compute in bfloat16.

    Raises:
        DegradeError: The engine that was asked for is not installed, or cannot compute this
            network, or computes other pixels than torch.
    """
    if backend in ENGINES:
        return _by(network, ENGINES[backend], bf16)
    on_cpu = next(network.parameters()).device.type == "cpu"
    if backend == "torch" or not on_cpu:
        return Chosen(network, "torch")
    usable = list(_usable(network, bf16))
    if not usable:
        return Chosen(network, "torch")
    threads = torch.get_num_threads()
    measured = _kept(network, f"seconds-{'bf16' if bf16 else 'f32'}-{threads}", usable, ".json")
    if measured.exists():
        seconds: dict[str, float] = json.loads(measured.read_text())
    else:
        seconds = {"torch": _seconds(lambda lr: compute(network, lr, "cpu", bf16))}
        if seconds["torch"] * pixels / SIDE**2 < WORTH:
            return Chosen(network, "torch")
        seconds |= dict(_timed(network, usable, bf16))
        with replace_file(measured) as aside:
            aside.write_text(json.dumps(seconds))
    name = min(seconds, key=lambda each: seconds[each] * (MARGIN if each == "torch" else 1))
    took = ", ".join(
        f"{each} {seconds[each]:.2f}" for each in sorted(seconds, key=seconds.__getitem__)
    )
    note = f"seconds for {SIDE}x{SIDE} pixels, measured once: {took}"
    by = network if name == "torch" else _by(network, ENGINES[name], bf16).network
    return Chosen(by, name, note)


def _usable(network: Generator, bf16: bool) -> Iterator[Engine]:
    for engine in ENGINES.values():
        try:
            check_fits(network, engine, bf16)
        except DegradeError:
            continue
        yield engine


def _by(network: Generator, engine: Engine, bf16: bool) -> Chosen:
    """Return the network by an engine; what is converted is proved once, and kept."""
    check_fits(network, engine, bf16)
    path = _kept(network, engine.name, [engine], engine.suffix)
    if not path.exists():
        engine.convert(network, path)
    run = engine.load(path, torch.get_num_threads(), bf16)
    proof = path.with_name(f"{path.name}.{'bf16' if bf16 else 'f32'}")
    if not proof.exists():
        check_difference(path, engine.name, difference_from(network, run), bf16)
        proof.touch()
    return Chosen(ByEngine(network, engine.name, run), engine.name)


def _kept(network: Generator, what: str, engines: Iterable[Engine], suffix: str) -> Path:
    """Return the file of the cache folder that holds ``what`` of a network and engines."""
    versions = {name: version(name) for name in ["torch", *(each.name for each in engines)]}
    about = [type(network).__name__, network.arguments, versions]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode())
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    folder = cache_folder() / "engines"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{digest.hexdigest()[:32]}-{what}{suffix}"


def _timed(network: Generator, engines: list[Engine], bf16: bool) -> Iterator[tuple[str, float]]:
    """Yield each engine's name and seconds; those that cannot compute the network are left out."""
    for engine in engines:
        try:
            found = _by(network, engine, bf16).network
        except (DegradeError, RuntimeError, OSError):
            continue
        assert isinstance(found, ByEngine)
        yield engine.name, _seconds(found.compute)


def _seconds(run: Compute) -> float:
    lr = sample_picture(SIDE, SIDE)
    took = []
    for _ in range(ROUNDS):
        began = perf_counter()
        run(lr)
        took.append(perf_counter() - began)
    return min(took)
