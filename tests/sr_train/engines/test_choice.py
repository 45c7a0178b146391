"""Inference engines give torch's pixels, and the quickest is found once."""

import dataclasses
import json
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch

import sr_train
from degrade.errors import DegradeError, SettingsError
from sr_train.engines import choice
from sr_train.engines.backends import BACKENDS
from sr_train.engines.choice import choose
from sr_train.engines.engine import ByEngine, Engine
from sr_train.engines.engine_table import ENGINES
from sr_train.inference.upscaling import Tiling, upscale_image
from sr_train.networks.generator import Generator
from sr_train.networks.receptive_field import sample_picture
from sr_train.networks.rrdbnet import RRDBNet

MUCH = 10**12
"""LR pixels that are worth a search for any network."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEGRADE_CACHE", str(tmp_path))
    return tmp_path / "engines"


def network() -> RRDBNet:
    torch.manual_seed(1)
    return RRDBNet(4, features=4, blocks=2, growth=2).eval()


def copying(name: str = "onnxruntime", off: float = 0) -> Engine:
    """An engine, named as an installed package, that is torch and some light too bright."""

    def load(path: Path, threads: int, bf16: bool):
        made = network()

        @torch.inference_mode()
        def run(lr):
            return made(torch.from_numpy(lr)).numpy() + np.float32(off)

        return run

    return Engine(name, "onnx", ".txt", lambda network, path: path.touch(), load)


def take_turns(monkeypatch: pytest.MonkeyPatch, times: Iterator[float]) -> None:
    """Let torch, then the engines take some seconds each."""
    monkeypatch.setattr(
        choice, "_seconds", lambda run, side: next(times) if side == choice.SIDE else 1.0
    )


def test_the_names_are_those_of_the_table() -> None:
    assert set(BACKENDS) == {"auto", "torch", *ENGINES}
    assert all(name == engine.name for name, engine in ENGINES.items())


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.filterwarnings("ignore")
def test_an_engine_gives_torchs_pixels_in_tiles_too_and_converts_once(
    name: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(name)
    if name == "ncnn":
        pytest.importorskip("pnnx")
    lr = np.ascontiguousarray(sample_picture(37, 50)[0].transpose(1, 2, 0))
    whole = upscale_image(network(), lr)
    by = choose(network(), name, 0)
    assert (by.name, type(by.network)) == (name, ByEngine)
    for tiling in (Tiling(), Tiling(16)):
        found = upscale_image(by.network, lr, tiling)
        assert np.abs(found.astype(int) - whole).max() <= 1
    monkeypatch.setattr(choice, "difference_from", None)  # neither proved again
    assert list(cache.iterdir())
    again = sr_train.upscale(network(), lr, backend=name)
    assert np.abs(again.astype(int) - whole).max() <= 1


def test_other_weights_are_another_file(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(choice, "ENGINES", {"onnxruntime": copying()})
    choose(network(), "onnxruntime", 0)
    other = network()
    with torch.no_grad():
        next(other.parameters())[0, 0, 0, 0] += 1e-6
    monkeypatch.setattr(choice, "ENGINES", {"onnxruntime": copying(off=0.1)})
    with pytest.raises(DegradeError, match="differs from torch"):
        choose(other, "onnxruntime", 0)
    assert len(list(cache.glob("*.txt"))) == 2


def test_the_quickest_is_measured_once(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(choice, "ENGINES", {"onnxruntime": copying()})
    times = iter([2.0, 1.0])
    take_turns(monkeypatch, times)
    first, again = (choose(network(), "auto", MUCH) for _ in range(2))
    assert first.name == again.name == "onnxruntime"
    assert first.note == again.note
    assert first.note.endswith("onnxruntime 1.00, torch 2.00")
    (measured,) = cache.glob("*.json")
    assert json.loads(measured.read_text()) == {"torch": 2.0, "onnxruntime": 1.0}


@pytest.mark.parametrize("seconds", [[1.0, 0.99], [1.0, 2.0]])
def test_torch_is_kept_unless_another_is_clearly_quicker(
    monkeypatch: pytest.MonkeyPatch, seconds: list[float]
) -> None:
    monkeypatch.setattr(choice, "ENGINES", {"onnxruntime": copying()})
    times = iter(seconds)
    take_turns(monkeypatch, times)
    own = network()
    chosen = choose(own, "auto", MUCH)
    assert chosen.name == "torch" and chosen.network is own


def test_an_engine_with_other_pixels_is_not_chosen_however_quick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choice, "ENGINES", {"onnxruntime": copying(off=0.1)})
    take_turns(monkeypatch, repeat(1.0))
    assert choose(network(), "auto", MUCH).name == "torch"


def test_an_engine_that_fails_is_named_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(network: Generator, path: Path) -> None:
        raise ValueError("no such operator\nand more")

    broken = dataclasses.replace(copying(), convert=convert)
    monkeypatch.setattr(choice, "ENGINES", {"onnxruntime": broken})
    with pytest.raises(
        DegradeError, match=r"cannot compute RRDBNet x4.*\(no such operator\): give"
    ):
        choose(network(), "onnxruntime", 0)
    take_turns(monkeypatch, repeat(1.0))
    assert choose(network(), "auto", MUCH).name == "torch"


def test_little_work_is_torchs_and_converts_nothing(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setattr(choice, "ENGINES", {"onnxruntime": copying()})
    assert choose(network(), "auto", 100).name == "torch"
    assert not cache.exists()


def test_what_an_engine_does_not_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    of_cells: Generator = RRDBNet(2, features=4, blocks=1, growth=2)
    monkeypatch.setattr(choice, "ENGINES", {"onnxruntime": copying()})
    with pytest.raises(SettingsError, match="does not compute in bfloat16"):
        choose(network(), "onnxruntime", 0, bf16=True)
    with pytest.raises(SettingsError, match=r"RRDBNet x2.* whole cells: give torch"):
        choose(of_cells, "onnxruntime", 0)
    with pytest.raises(SettingsError, match="computes on the CPU, not on meta"):
        choose(network().to("meta"), "onnxruntime", 0)
    missing = {"ncnn": copying("no_such_engine")}
    monkeypatch.setattr(choice, "ENGINES", missing)
    with pytest.raises(SettingsError, match="no_such_engine is not installed: pip install"):
        choose(network(), "ncnn", 0)
    assert choose(network(), "auto", MUCH).name == "torch"
