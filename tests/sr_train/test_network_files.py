"""Weights files: round trips in all key styles, deduced sizes, and what a wrong file says."""

import os
import pickle
import re
from pathlib import Path

import pytest
import safetensors.torch
import torch

from degrade.errors import TrainingError, WeightsError
from sr_train.network_files import load_into, load_network, save_weights
from sr_train.networks.patchgan import PatchDiscriminator
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.networks.srresnet import SRResNet
from sr_train.networks.vgg128 import Vgg128Discriminator
from sr_train.settings.common import SCALES
from sr_train.weights.rrdb_keys import from_basicsr

SIZE = {"features": 4, "blocks": 2, "growth": 2}
HEADS_OLD = {
    4: {"conv_up1": 3, "conv_up2": 6, "conv_hr": 8, "conv_last": 10},
    8: {"conv_up1": 3, "conv_up2": 6, "conv_up3": 9, "conv_hr": 11, "conv_last": 13},
}


def to_new_style(key: str) -> str:
    key = re.sub(r"^body\.(\d+)\.rdb(\d)", r"RRDB_trunk.\1.RDB\2", key)
    key = key.replace("conv_body", "trunk_conv").replace("conv_hr", "HRconv")
    return re.sub(r"^conv_up(\d)", r"upconv\1", key)


def to_old_style(key: str, scale: int) -> str:
    name, parameter = key.rsplit(".", 1)
    if match := re.fullmatch(r"body\.(\d+)\.rdb(\d)\.(conv\d)", name):
        return f"model.1.sub.{match[1]}.RDB{match[2]}.{match[3]}.0.{parameter}"
    numbers = HEADS_OLD[scale] | {"conv_first": 0, "conv_body": f"1.sub.{SIZE['blocks']}"}
    return f"model.{numbers[name]}.{parameter}"


def assert_equal(a: torch.nn.Module, b: torch.nn.Module) -> None:
    torch.testing.assert_close(a.state_dict(), b.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("scale", SCALES)
def test_own_files_rebuild_the_network(tmp_path: Path, scale: int) -> None:
    network = RRDBNet(scale, **SIZE)
    path = tmp_path / "weights.safetensors"
    save_weights(path, network)
    loaded = load_network(path)
    assert (loaded.scale, loaded.training) == (scale, False)
    assert_equal(loaded, network)
    first = path.read_bytes()
    save_weights(path, loaded)
    assert path.read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_own_files_say_which_network_they_hold(tmp_path: Path) -> None:
    network = SRResNet(2, features=4, blocks=1)
    path = tmp_path / "weights.safetensors"
    save_weights(path, network)
    loaded = load_network(path)
    assert isinstance(loaded, SRResNet)
    assert_equal(loaded, network)
    with pytest.raises(WeightsError, match=r"not the weights of RRDBNet x2, 4/2/2: \d+ missing"):
        load_into(RRDBNet(2, **SIZE), path)


@pytest.mark.parametrize("scale", [4, 8])
@pytest.mark.parametrize("style", ["basicsr", "new", "old", "parallel"])
def test_all_key_styles_load(tmp_path: Path, style: str, scale: int) -> None:
    network = RRDBNet(scale, **SIZE)
    rename = {
        "basicsr": lambda key: key,
        "new": to_new_style,
        "old": lambda key: to_old_style(key, scale),
        "parallel": lambda key: "module." + key,
    }[style]
    state = {rename(key): value for key, value in network.state_dict().items()}
    for path in (tmp_path / "w.pth", tmp_path / "w.safetensors"):
        if path.suffix == ".pth":
            torch.save(state, path)
        else:
            safetensors.torch.save_file(state, path)
        loaded = load_network(path)
        assert loaded.scale == scale
        assert_equal(loaded, network)


@pytest.mark.parametrize("scale", [1, 2])
def test_unshuffling_scales_follow_from_the_input_channels(tmp_path: Path, scale: int) -> None:
    network = RRDBNet(scale, **SIZE)
    torch.save({"params": network.state_dict()}, tmp_path / "w.pth")
    assert_equal(load_network(tmp_path / "w.pth"), network)


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("style", ["esrgan", "old"])
def test_the_original_esrgans_names_show_scales_without_pixel_unshuffle(
    tmp_path: Path, scale: int, style
) -> None:
    network = RRDBNet(scale, **SIZE, unshuffle=1)
    torch.save(from_basicsr(network.state_dict(), style), tmp_path / "w.pth")
    loaded = load_network(tmp_path / "w.pth")
    assert_equal(loaded, network)
    lr = torch.rand(1, 3, 7, 9)
    assert loaded(lr).shape == (1, 3, 7 * scale, 9 * scale)
    save_weights(tmp_path / "own.safetensors", loaded)
    assert_equal(load_network(tmp_path / "own.safetensors"), network)


def prefixed(prefix: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in state.items()}


WRAPPED = {
    "params-ema": lambda s: {"params-ema": s, "params": prefixed("", {"x": torch.zeros(1)})},
    "state_dict": lambda s: {"epoch": 3, "optimizers": [{}], "state_dict": s},
    "mmagic": lambda s: {"meta": {"epoch": 1}, "state_dict": prefixed("generator.", s)},
    "mmagic averaged": lambda s: {
        "state_dict": {
            **prefixed("generator.", {key: value * 0 for key, value in s.items()}),
            **prefixed("generator_ema.", s),
            **prefixed("discriminator.", {"fc.weight": torch.ones(1)}),
            "step_counter": torch.tensor(1),
        }
    },
    "model": lambda s: {"model": s},
    "netG": lambda s: prefixed("netG.", s),
    "compiled": lambda s: prefixed("_orig_mod.", s),
    "compiled and parallel": lambda s: {"params_ema": prefixed("module._orig_mod.", s)},
    "parallel inside": lambda s: {"model": prefixed("generator.module.", s)},
}


@pytest.mark.parametrize("wrapper", WRAPPED)
def test_what_training_programs_wrap_weights_in_is_taken_off(tmp_path: Path, wrapper: str) -> None:
    network = RRDBNet(**SIZE)
    torch.save(WRAPPED[wrapper](network.state_dict()), tmp_path / "w.pth")
    assert_equal(load_network(tmp_path / "w.pth"), network)


def test_averaged_weights_come_first(tmp_path: Path) -> None:
    last, average = RRDBNet(**SIZE), RRDBNet(**SIZE)
    torch.save(
        {"params": last.state_dict(), "params_ema": average.state_dict()}, tmp_path / "w.pth"
    )
    assert_equal(load_network(tmp_path / "w.pth"), average)


@pytest.mark.parametrize("legacy", [False, True])
def test_files_of_torch_before_1_6_load_as_plain_tensors(tmp_path: Path, legacy: bool) -> None:
    network = RRDBNet(**SIZE)
    path = tmp_path / "w.pth"
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=not legacy)
    assert path.read_bytes().startswith(b"PK") != legacy
    assert_equal(load_network(path), network)


@pytest.mark.parametrize("kind", [PatchDiscriminator, Vgg128Discriminator])
@pytest.mark.parametrize("wrap", [dict, lambda state: {"params": state}])
def test_published_discriminators_load(tmp_path: Path, kind: type, wrap) -> None:
    given, found = kind(), kind()
    state = {f"module.{key}": value for key, value in given.state_dict().items()}
    torch.save(wrap(state), tmp_path / "d.pth")
    load_into(found, tmp_path / "d.pth")
    assert_equal(found, given)


def test_the_wrong_discriminator_is_refused(tmp_path: Path) -> None:
    torch.save(PatchDiscriminator().state_dict(), tmp_path / "d.pth")
    with pytest.raises(WeightsError) as caught:
        load_into(Vgg128Discriminator(), tmp_path / "d.pth")
    assert re.search(
        r"d\.pth: not the weights of Vgg128Discriminator: 60 missing: conv0_0.weight, .*, \.\.\.; "
        r"22 unexpected: model.0.weight, ",
        str(caught.value),
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [torch.ones(()), torch.ones(0), torch.ones(0, 0, 0, 0)])
def test_keys_with_impossible_shapes(tmp_path: Path, value: torch.Tensor) -> None:
    for keys in (("conv_first.weight", "body.0.rdb1.conv1.weight", "conv_up1.weight",
                  "conv_up2.weight"), ("conv_first.weight", "bn_body.weight", "up.0.conv.weight"),
                 ("dense.0.weight", "features.0.weight")):  # fmt: skip
        torch.save(dict.fromkeys(keys, value), tmp_path / "w.pth")
        with pytest.raises(WeightsError, match=r"w\.pth: "):
            load_network(tmp_path / "w.pth")


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    torch.save(RRDBNet(**SIZE).half().state_dict(), tmp_path / "w.pth")
    assert load_network(tmp_path / "w.pth").conv_first.weight.dtype == torch.float32


def test_mismatch_lists_all_kinds_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    state = RRDBNet(**SIZE).state_dict()
    del state["conv_hr.bias"]
    state["extra"] = torch.zeros(1)
    state["conv_last.weight"] = torch.zeros(3, 5, 3, 3)
    torch.save(state, path)
    network = RRDBNet(**SIZE)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_into(network, path)
    assert str(caught.value) == (
        f"{path}: not the weights of RRDBNet x4, 4/2/2: 1 missing: conv_hr.bias; "
        "1 unexpected: extra; 1 misshapen: conv_last.weight (3, 5, 3, 3) instead of (3, 4, 3, 3)"
    )
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)


def test_long_lists_are_cut(tmp_path: Path) -> None:
    torch.save(RRDBNet(features=4, blocks=1, growth=2).state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"30 missing: body.1.rdb1.conv1.weight, .*, \.\.\.$"):
        load_into(RRDBNet(**SIZE), tmp_path / "w.pth")


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this code ran",)


def test_pickled_code_never_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"conv_first.weight": Payload()}, tmp_path / "zip.pth")
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(Payload(), protocol=2))
    for name in ("zip.pth", "raw.pth"):
        with pytest.raises(WeightsError, match="pickled code is never run"):
            load_network(tmp_path / name)
    assert "this code ran" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights", None])
def test_damaged_files(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is None:
        network = RRDBNet(**SIZE)
        save_weights(path, network) if "safe" in name else torch.save(network.state_dict(), path)
        content = path.read_bytes()[:-500]
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"^{path}: not a (readable|torch) .*; g"):
        load_network(path)


def test_other_contents(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    patch = PatchDiscriminator().state_dict()
    cases = {
        "no such weights file; check the path": None,
        "holds no named tensors": [1, 2],
        "entry 'step' is int, not a tensor; give a network's weights": {"step": 3},
        "of no network that is known here .*; its keys are fc.weight": {"fc.weight": torch.ones(1)},
        "holds PatchDiscriminator, which enlarges nothing; give the weights of a gen": patch,
        "cannot tell its scale from 3 input channels and 1 enlargements": RRDBNet(
            3, **SIZE
        ).state_dict(),
    }
    for message, content in cases.items():
        if content is not None:
            torch.save(content, path)
        with pytest.raises(WeightsError, match=message):
            load_network(path)


def test_files_of_a_newer_program(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    metadata = {"degrade-weights": '{"version": 2, "architecture": "Other", "settings": {}}'}
    safetensors.torch.save_file(RRDBNet(**SIZE).state_dict(), path, metadata)
    with pytest.raises(WeightsError, match=r"holds Other in format version 2; .*update it"):
        load_network(path)
    safetensors.torch.save_file(RRDBNet(**SIZE).state_dict(), path, {"degrade-weights": "{"})
    with pytest.raises(WeightsError, match="its metadata are damaged; get the file again"):
        load_network(path)


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, RRDBNet(**SIZE))
    before = path.read_bytes()

    def full(target: Path, data: bytes) -> None:
        with target.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(TrainingError, match=r"cannot be written \(.*No space left on device\)"):
        save_weights(path, RRDBNet(**SIZE))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_weights_may_be_read_by_those_whom_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save_weights(tmp_path / "w.safetensors", RRDBNet(**SIZE))
    finally:
        os.umask(before)
    assert (tmp_path / "w.safetensors").stat().st_mode & 0o777 == 0o640
