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

import torch

from degrade.errors import DegradeError
from degrade.store.cache import cache_folder
from sr_train.architectures import described
from sr_train.engines.backends import Backend
from sr_train.engines.engine import ByEngine, Compute, Engine, check_fits
from sr_train.engines.engine_table import ENGINES
from sr_train.export.parity import check_difference, difference_from
from sr_train.inference.upscaling import Upscaler, compute
from sr_train.networks.generator import Generator
from sr_train.networks.receptive_field import sample_picture
from sr_train.weights.weights_file import replace_file

WORTH = 600.0
"""Seconds of work by torch from which a search for a quicker engine pays: to convert RRDBNet with
23 blocks takes 7 (OpenVINO) to 80 s (ncnn) of one core, once, and saves a tenth to a third."""
SIDE, SHORT = 96, 24
"""LR pixels along the sides of the picture that is timed, and of the one by which the whole work is
guessed."""
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
        network: In evaluation mode. If it is not on the CPU, torch computes it.
        backend: ``auto``: the quickest of the installed engines, measured once for each network and
            number of threads, if there is so much to do that it pays.
        pixels: LR pixels that are to be upscaled.
        bf16: Compute in bfloat16.

    Raises:
        DegradeError: The engine that was asked for is not installed, or cannot compute this
            network, or computes other pixels than torch.
    """
    if backend in ENGINES:
        return Chosen(_by(network, ENGINES[backend], bf16), backend)
    usable = list(_usable(network, bf16)) if backend == "auto" else []
    if not usable or _by_torch(network, bf16, SHORT) * pixels / SHORT**2 < WORTH:
        return Chosen(network, "torch")
    seconds = _measured(network, usable, bf16)
    name = min(seconds, key=lambda each: seconds[each] * (MARGIN if each == "torch" else 1))
    took = ", ".join(
        f"{each} {seconds[each]:.2f}" for each in sorted(seconds, key=seconds.__getitem__)
    )
    note = f"seconds for {SIDE}x{SIDE} pixels, measured once: {took}"
    by = network if name == "torch" else _by(network, ENGINES[name], bf16)
    return Chosen(by, name, note)


def _measured(network: Generator, usable: list[Engine], bf16: bool) -> dict[str, float]:
    """Return the seconds that torch and each engine take, as measured before or now."""
    threads = torch.get_num_threads()
    path = _kept(network, f"seconds-{'bf16' if bf16 else 'f32'}-{threads}", usable, ".json")
    if path.exists():
        known: dict[str, float] = json.loads(path.read_text())
        return known
    seconds = {"torch": _by_torch(network, bf16, SIDE)}
    for engine in usable:
        try:
            run = _by(network, engine, bf16).compute
        except DegradeError:
            continue  # it cannot compute this network
        seconds[engine.name] = _seconds(run, SIDE)
    with replace_file(path) as aside:
        aside.write_text(json.dumps(seconds))
    return seconds


def _usable(network: Generator, bf16: bool) -> Iterator[Engine]:
    for engine in ENGINES.values():
        try:
            check_fits(network, engine, bf16)
        except DegradeError:
            continue
        yield engine


def _by(network: Generator, engine: Engine, bf16: bool) -> ByEngine:
    """Return the network by an engine; what is converted is proved once, and kept."""
    check_fits(network, engine, bf16)
    path = _kept(network, engine.name, [engine], engine.suffix)
    proof = path.with_name(f"{path.name}.{'bf16' if bf16 else 'f32'}")
    try:
        if not path.exists():
            engine.convert(network, path)
        run = engine.load(path, torch.get_num_threads(), bf16)
        difference = 0.0 if proof.exists() else difference_from(network, run)
    except DegradeError:
        raise
    except Exception as error:  # each engine has errors of its own
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DegradeError(
            f"backend {engine.name} cannot compute {described(network)} ({reason}): give torch"
        ) from error
    check_difference(path, engine.name, difference, bf16)
    proof.touch()
    return ByEngine(network, engine.name, run)


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


def _by_torch(network: Generator, bf16: bool, side: int) -> float:
    return _seconds(lambda lr: compute(network, lr, "cpu", bf16), side)


def _seconds(run: Compute, side: int) -> float:
    """Return the seconds that the quickest of some rounds takes for ``side`` by ``side`` pixels."""
    lr = sample_picture(side, side)
    took = []
    for _ in range(ROUNDS):
        began = perf_counter()
        run(lr)
        took.append(perf_counter() - began)
    return min(took)
