"""ncnn's files of RRDBNet: read, proved against ncnn, refused; published weights by name."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from degrade.errors import WeightsError
from sr_train.inference.upscaling import upscale_float
from sr_train.network_files import load_into, load_network
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.weights import published
from sr_train.weights.published import PUBLISHED, located, origin
from tests.photos import make_photo
from tests.sr_train.weights.ncnn_writer import write_ncnn

SIZE = {"features": 6, "blocks": 2, "growth": 4}


def by_ncnn(param: Path, photo: np.ndarray) -> np.ndarray:
    """Return SR [s*h, s*w, 3], in [0, 1] but not clipped, as the package makes it on a CPU."""
    ncnn = pytest.importorskip("ncnn")
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = 1
    assert net.load_param(str(param)) == 0
    assert net.load_model(str(param.with_suffix(".bin"))) == 0
    with net.create_extractor() as extractor:
        lr = np.ascontiguousarray(photo.transpose(2, 0, 1).astype(np.float32) / 255)
        extractor.input("data", ncnn.Mat(lr).clone())
        status, sr = extractor.extract("output")
    assert status == 0
    return np.array(sr).transpose(1, 2, 0)


@pytest.mark.parametrize(("scale", "half"), [(4, True), (4, False), (2, True), (8, False)])
def test_weights_of_16_and_of_32_bits_are_read(tmp_path: Path, scale: int, half: bool) -> None:
    network = RRDBNet(scale, **SIZE, unshuffle=1)
    if half:
        for name, value in network.named_parameters():
            if name.endswith("weight"):
                value.data = value.data.half().float()
    param = write_ncnn(network, tmp_path / "net.param", half)
    for path in (param, tmp_path / "net.bin"):
        loaded = load_network(path)
        assert loaded.arguments == network.arguments
        torch.testing.assert_close(loaded.state_dict(), network.state_dict(), rtol=0, atol=0)
    other = RRDBNet(scale, **SIZE, unshuffle=1)
    load_into(other, param)
    torch.testing.assert_close(other.state_dict(), network.state_dict(), rtol=0, atol=0)


def test_ncnn_makes_the_same_picture(tmp_path: Path) -> None:
    torch.manual_seed(0)
    param = write_ncnn(RRDBNet(4, **SIZE), tmp_path / "net.param")
    photo = make_photo(0, 30, 44)
    ours, theirs = upscale_float(load_network(param), photo), by_ncnn(param, photo)
    print(f"largest difference from ncnn: {np.abs(ours - theirs).max() * 255:.4f} of 255")
    assert np.abs(ours - theirs).max() * 255 < 0.5


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_weights_make_the_picture_that_ncnn_makes(name: str) -> None:
    if importlib.util.find_spec(PUBLISHED[name].module) is None:
        pytest.skip(f"{PUBLISHED[name].package} is not installed")
    network = load_network(Path(name))
    assert network.arguments == {"scale": 4, "features": 64, "blocks": 23, "growth": 32}
    photo = make_photo(1, 20, 28)
    ours, theirs = upscale_float(network, photo), by_ncnn(located(Path(name)), photo)
    print(f"{name}: largest difference from ncnn {np.abs(ours - theirs).max() * 255:.3f} of 255")
    assert np.abs(ours - theirs).max() * 255 <= 1


def test_what_a_name_stands_for_is_recorded_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = origin(Path("realsr-df2k"))
    assert about is not None and about["licence"] == "MIT" and len(about["sha256"]) == 64
    assert origin(tmp_path / "w.pth") is None and located(tmp_path / "w.pth") == tmp_path / "w.pth"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        WeightsError, match=r"realsr-df2k: is in the package sr-vulkan-model-rea.*pub"
    ):
        load_network(Path("realsr-df2k"))
    monkeypatch.undo()
    write_ncnn(RRDBNet(4, **SIZE), tmp_path / "w.param")
    (tmp_path / "fake_weights").mkdir()
    for suffix in (".param", ".bin"):
        (tmp_path / f"w{suffix}").rename(tmp_path / "fake_weights" / f"w{suffix}")
    (tmp_path / "fake_weights" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    fake = published.Published("fake-weights", "fake_weights", "w.param", "0" * 64, "MIT", "")
    monkeypatch.setitem(PUBLISHED, "fake", fake)
    with pytest.raises(
        WeightsError, match=r"w\.param: is not the published fake \(SHA-256 .*again"
    ):
        load_network(Path("fake"))


def test_damaged_files_and_other_networks(tmp_path: Path) -> None:
    param = write_ncnn(RRDBNet(4, **SIZE), tmp_path / "net.param")
    numbers = param.with_suffix(".bin")
    text, data = param.read_text(), numbers.read_bytes()
    for content, said in (
        (data[:-5], r"net\.bin: is cut short; get it again"),
        (data + b"more", r"net\.bin: holds more than net\.param says"),
        (b"\x01\x02\x03\x04" + data[4:], r"net\.bin: holds weights that are neither of 16"),
    ):
        numbers.write_bytes(content)
        with pytest.raises(WeightsError, match=said):
            load_network(param)
    numbers.write_bytes(data)
    for content, said in (
        ("PK", r"net\.param: is damaged, or no \.param of ncnn"),
        (text.replace("7767517", "1", 1), r"no \.param of ncnn in text form"),
        (text.replace("0=1 1=2.0", "0=2 1=2.0"), r"its layers are not those of RRDBNet"),
        (text.replace("-23310=1,2.0", "-23310=1,1.0", 1), r"its layers are not those of RRDBNet"),
        (text.replace("-23301=2,2.0", "-23301=2,9.0", 1), r"its layers are not those of RRDBNet"),
        (text.replace("BinaryOp", "Pooling"), r"its layers are not those of RRDBNet"),
    ):
        param.write_text(content)
        with pytest.raises(WeightsError, match=said):
            load_network(param)
    param.write_text(text)
    numbers.unlink()
    with pytest.raises(WeightsError, match=r"net\.bin: is not there; ncnn's weights are two files"):
        load_network(param)
