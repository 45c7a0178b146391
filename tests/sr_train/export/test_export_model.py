"""Exported files: read back the same, in the layouts that other programs expect."""

import importlib
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors
import torch

from degrade.errors import DegradeError, SettingsError
from sr_train.export.export_model import export_model
from sr_train.export.onnx_export import OnnxForm
from sr_train.network_files import load_any, load_network, save_weights
from sr_train.networks.patchgan import PatchDiscriminator
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.networks.srgan_discriminator import SrganDiscriminator
from sr_train.networks.srresnet import SRResNet
from sr_train.networks.unet import UNetDiscriminator
from sr_train.networks.vgg128 import Vgg128Discriminator
from sr_train.reference.ttsr import TTSR
from sr_train.settings.common import SCALES

RRDB = {"features": 4, "blocks": 2, "growth": 2}
NETWORKS = {
    "rrdb": lambda: RRDBNet(4, **RRDB),
    "srresnet": lambda: SRResNet(8, features=4, blocks=2),
    "patch": PatchDiscriminator,
    "vgg128": Vgg128Discriminator,
    "unet": lambda: UNetDiscriminator(4),
    "srgan": lambda: SrganDiscriminator(32),
}


@pytest.fixture
def saved(tmp_path: Path):
    def save(network: torch.nn.Module) -> Path:
        path = tmp_path / "weights.safetensors"
        save_weights(path, network)
        return path

    return save


def assert_same(a: torch.nn.Module, b: torch.nn.Module) -> None:
    assert type(a) is type(b)
    torch.testing.assert_close(dict(a.state_dict()), dict(b.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_every_network_is_read_back_from_what_is_exported(
    tmp_path: Path, saved, name: str, suffix: str
) -> None:
    network = NETWORKS[name]()
    out = tmp_path / f"out{suffix}"
    assert type(export_model(saved(network), out).network) is type(network)
    assert_same(load_any(out), network)


def test_basicsr_layout(tmp_path: Path, saved) -> None:
    network = RRDBNet(4, **RRDB)
    export_model(saved(network), tmp_path / "out.pth")
    found = torch.load(tmp_path / "out.pth", weights_only=True)
    assert set(found) == {"params", "params_ema"}
    assert set(found["params"]) == set(network.state_dict())
    size = sum(4 * p.numel() for p in network.parameters())
    for wrapper in found.values():
        torch.testing.assert_close(dict(wrapper), dict(network.state_dict()), rtol=0, atol=0)
    one = tmp_path / "one.pth"
    torch.save(network.state_dict(), one)
    spare = (tmp_path / "out.pth").stat().st_size - one.stat().st_size
    assert spare < size, "the tensors are in the file once"


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("style", "pattern"),
    [
        ("esrgan", r"(conv_first|RRDB_trunk\.\d\.RDB[123]\.conv[1-5]|trunk_conv|upconv\d|HRconv|"
                   r"conv_last)\.(weight|bias)"),
        ("old", r"model\.(\d+|1\.sub\.\d(\.RDB[123]\.conv[1-5]\.0)?)\.(weight|bias)"),
    ],
)  # fmt: skip
def test_esrgans_own_styles(tmp_path: Path, saved, scale: int, style, pattern: str) -> None:
    network = RRDBNet(scale, **RRDB)
    out = tmp_path / "out.pth"
    export_model(saved(network), out, style)
    keys = torch.load(out, weights_only=True)
    assert all(re.fullmatch(pattern, key) for key in keys), keys
    assert_same(load_network(out), network)


@pytest.mark.parametrize(
    ("network", "style"),
    [
        *((RRDBNet(3, **RRDB), style) for style in ("basicsr", "esrgan", "old")),
        (RRDBNet(2, **RRDB, unshuffle=1), "basicsr"),
    ],
)
def test_a_scale_that_names_do_not_show_is_written_to_safetensors_alone(
    tmp_path: Path, saved, network: RRDBNet, style
) -> None:
    out = tmp_path / "out.pth"
    with pytest.raises(
        SettingsError, match=r"out\.pth: .* would not tell RRDBNet x\d, 4/2/2.*give a"
    ):
        export_model(saved(network), out, style)
    assert not out.exists()
    export_model(saved(network), tmp_path / "out.safetensors")
    assert_same(load_network(tmp_path / "out.safetensors"), network)


def test_numbers_of_the_oldest_style(tmp_path: Path, saved) -> None:
    export_model(saved(RRDBNet(4, **RRDB)), tmp_path / "out.pth", "old")
    keys = torch.load(tmp_path / "out.pth", weights_only=True)
    assert {key for key in keys if "sub" not in key and key.endswith("bias")} == {
        f"model.{number}.bias" for number in (0, 3, 6, 8, 10)
    }
    assert "model.1.sub.2.weight" in keys and "model.1.sub.1.RDB3.conv5.0.weight" in keys


def test_safetensors_say_what_they_hold(tmp_path: Path) -> None:
    torch.save(SRResNet(2, 4, 1).state_dict(), tmp_path / "in.pth")
    export_model(tmp_path / "in.pth", tmp_path / "out.safetensors")
    with safetensors.safe_open(tmp_path / "out.safetensors", framework="pt") as file:
        about = file.metadata()["degrade-weights"]
    assert '"SRResNet", "settings": {"scale": 2, "features": 4, "blocks": 1}' in about


def check_onnx(weights: Path, network: torch.nn.Module, out: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    difference = export_model(weights, out).difference
    assert difference is not None and difference < 1e-4
    session = runtime.InferenceSession(str(out))
    network.eval()
    for shape in ((1, 3, 24, 24), (2, 3, 19, 33), (1, 3, 8, 41)):
        lr = torch.rand(shape)
        with torch.no_grad():
            expected = network(lr).numpy()
        (found,) = session.run(None, {"lr": lr.numpy()})
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-4
    assert {path.name for path in out.parent.iterdir()} == {out.name, weights.name}
    for inference in ({}, {"strict_mode": True, "data_prop": True}):
        assert sides_that_are_told(out, 16, **inference) == [16 * network.scale] * 2


def sides_that_are_told(path: Path, side: int, **inference: bool) -> list[int]:
    """Return rows and columns of SR as other programs learn them, without running the file.

    chaiNNer gives the input a size and lets ONNX infer the output's, for the scale.
    """
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(path))
    (lr,), (sr,) = model.graph.input, model.graph.output
    for dim, value in zip(lr.type.tensor_type.shape.dim, (1, 3, side, side), strict=True):
        dim.Clear()
        dim.dim_value = value
    sr.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(model, **inference).graph.output[0]
    return [dim.dim_value for dim in inferred.type.tensor_type.shape.dim][2:]


def test_onnx_takes_any_size_and_gives_the_same_pixels(tmp_path: Path, saved) -> None:
    torch.manual_seed(0)
    network = SRResNet(2, features=4, blocks=1)
    check_onnx(saved(network), network, tmp_path / "out.onnx")


def test_onnx_of_a_network_that_unshuffles_tells_its_scale_too(tmp_path: Path, saved) -> None:
    torch.manual_seed(0)
    network = RRDBNet(2, features=4, blocks=1, growth=4)
    check_onnx(saved(network), network, tmp_path / "out.onnx")


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_widened_files_give_the_same_pixels_and_load_in_spandrel(
    tmp_path: Path, saved, scale: int
) -> None:
    torch.manual_seed(0)
    network, notes = RRDBNet(scale, features=8, blocks=1, growth=3).eval(), []
    weights, out = saved(network), tmp_path / "out.pth"
    export_model(weights, out, on_note=notes.append)
    assert "growth for 32, here it is 3, and will not load this file; --widen makes it" in notes[0]
    export_model(weights, out, widen=True, on_note=notes.append)
    assert len(notes) == 1
    read, lr = load_network(out), torch.rand(1, 3, 9, 14)
    assert read.arguments == network.arguments | {"growth": 32}
    with torch.no_grad():
        expected = network(lr)
        torch.testing.assert_close(read(lr), expected, rtol=0, atol=1e-6)
        if importlib.util.find_spec("spandrel"):
            spandrel = importlib.import_module("spandrel")
            theirs = spandrel.ModelLoader().load_from_file(out).eval()
            assert theirs.scale == scale
            if network.multiple > 1:  # others are extended by a mirror image, not the edge pixel
                lr = lr[..., :8, :12]
            torch.testing.assert_close(theirs(lr), network(lr).clamp(0, 1), rtol=0, atol=1e-5)
    with pytest.raises(SettingsError, match=r"--widen is for RRDBNet, not SRResNet: leave it out"):
        export_model(saved(SRResNet(1, features=2, blocks=1)), out, widen=True)
    with pytest.raises(SettingsError, match=r"growth is 33: it can be widened, not narrowed to 32"):
        export_model(saved(RRDBNet(1, 4, 1, 33)), out, widen=True)


def test_onnx_of_one_size_in_16_bits_and_with_a_chosen_opset(tmp_path: Path, saved) -> None:
    runtime, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    torch.manual_seed(0)
    network, out = SRResNet(2, features=4, blocks=1).eval(), tmp_path / "out.onnx"
    done = export_model(saved(network), out, form=OnnxForm((24, 40), half=True, opset=19))
    assert done.difference is not None and 0 < done.difference < 0.02
    assert [each.version for each in onnx.load(out).opset_import if not each.domain] == [19]
    session = runtime.InferenceSession(str(out))
    (input_,) = session.get_inputs()
    assert input_.shape == [1, 3, 24, 40] and input_.type == "tensor(float16)"
    lr = torch.rand(1, 3, 24, 40)
    (found,) = session.run(None, {"lr": lr.half().numpy()})
    with torch.no_grad():
        assert np.abs(found - network(lr).numpy()).max() < 0.02


@pytest.mark.parametrize(
    ("name", "form", "said"),
    [
        ("out.pth", OnnxForm((8, 8)), r"--size is for \.onnx, not out\.pth: leave it out"),
        ("out.param", OnnxForm(opset=18), r"--opset is for \.onnx, not out\.param"),
        ("o.safetensors", OnnxForm(half=True), r"--half is for \.onnx and \.param, not o\.saf"),
    ],
)
def test_forms_that_mean_nothing_there(
    tmp_path: Path, saved, name: str, form: OnnxForm, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        export_model(saved(SRResNet(1, features=2, blocks=1)), tmp_path / name, form=form)


NCNN_NETWORKS = {
    "rrdb x4": lambda: RRDBNet(4, **RRDB),
    "rrdb x2": lambda: RRDBNet(2, **RRDB),
    "srresnet": lambda: SRResNet(2, features=4, blocks=1),
}


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", NCNN_NETWORKS)
def test_ncnns_files_give_the_same_pixels(tmp_path: Path, saved, name: str, half: bool) -> None:
    for package in ("ncnn", "pnnx"):
        pytest.importorskip(package)
    torch.manual_seed(0)
    network, out = NCNN_NETWORKS[name]().eval(), tmp_path / "out.param"
    done = export_model(saved(network), out, form=OnnxForm(half=half))
    assert done.difference is not None and done.difference < (0.01 if half else 1e-4)
    text = out.read_text().splitlines()
    assert text[2].split()[0] == "Input" and text[2].endswith(" data")
    assert " output" in text[-1]
    assert {path.suffix for path in tmp_path.iterdir()} == {".param", ".bin", ".safetensors"}


def test_ncnns_packages_are_asked_for(tmp_path: Path, saved, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pnnx", None)
    with pytest.raises(DegradeError, match=r"ncnn's files needs pnnx, .*pip install 'degr"):
        export_model(saved(SRResNet(1, features=2, blocks=1)), tmp_path / "out.param")


def test_onnx_that_differs_from_torch_is_not_put_in_place(
    tmp_path: Path, saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr("sr_train.export.parity.LARGEST", -1)
    with pytest.raises(DegradeError, match=r"out\.onnx: onnxruntime differs from torch by 0\.0 of"):
        export_model(saved(SRResNet(1, features=2, blocks=1)), tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


SPANDRELS = {"features": 4, "blocks": 1, "growth": 32}
READ_BY_SPANDREL = [
    *((RRDBNet(scale, **SPANDRELS), "basicsr") for scale in (1, 2, 4, 8)),
    *((RRDBNet(scale, **SPANDRELS), "esrgan") for scale in (1, 2, 4, 8)),
    *((RRDBNet(scale, **SPANDRELS), "old") for scale in (1, 2, 4, 8)),
    *((RRDBNet(scale, **SPANDRELS, unshuffle=1), "esrgan") for scale in (1, 2)),
]


@pytest.mark.parametrize(("network", "style"), READ_BY_SPANDREL)
def test_what_is_said_to_be_read_by_spandrel_gives_the_same_pixels_there(
    tmp_path: Path, saved, network: RRDBNet, style
) -> None:
    spandrel = pytest.importorskip("spandrel", exc_type=Exception)
    lr = torch.rand(1, 3, 8, 12)
    given, reported = saved(network), []
    outs = [tmp_path / "out.pth", *([tmp_path / "o.safetensors"] if style == "basicsr" else [])]
    for out in outs:
        export_model(given, out, style, on_note=reported.append)
        theirs = spandrel.ModelLoader().load_from_file(out)
        with torch.no_grad():
            torch.testing.assert_close(theirs(lr), network(lr).clamp(0, 1), atol=1e-5, rtol=0)
    assert not reported


NOT_READ = {
    "x3": (RRDBNet(3, **SPANDRELS), "take this x3 network for x2, without a word; they run .onnx"),
    "growth": (RRDBNet(4, **RRDB), "take RRDBNet's growth for 32, here it is 2, and will not load"),
    "srresnet": (SRResNet(2, 4, 1), "do not know SRResNet; they run .onnx"),
    "ttsr": (TTSR(features=4, shallow=1, first=1, second=1, third=1), "do not know TTSR"),
}


@pytest.mark.parametrize("kind", NOT_READ)
def test_what_spandrel_does_not_read_is_said_before_it_is_written(
    tmp_path: Path, saved, kind: str
) -> None:
    network, text = NOT_READ[kind]
    out = tmp_path / "out.safetensors"
    reported: list[str] = []

    def on_note(note: str) -> None:
        assert not out.exists()
        reported.append(note)

    export_model(saved(network), out, on_note=on_note)
    assert len(reported) == 1 and text in reported[0]


@pytest.mark.parametrize("kind", NOT_READ)
def test_spandrel_does_not_read_it_indeed(tmp_path: Path, saved, kind: str) -> None:
    spandrel = pytest.importorskip("spandrel", exc_type=Exception)
    network = NOT_READ[kind][0]
    export_model(saved(network), tmp_path / "out.safetensors")
    try:
        found = spandrel.ModelLoader().load_from_file(tmp_path / "out.safetensors").scale
    except Exception:
        return
    assert found != network.scale


@pytest.mark.slow
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", [RRDBNet, SRResNet])
def test_onnx_of_every_scale(tmp_path: Path, saved, kind: type, scale: int) -> None:
    torch.manual_seed(0)
    network = kind(scale, features=8, blocks=1)
    check_onnx(saved(network), network, tmp_path / "out.onnx")


def test_what_cannot_be_exported(tmp_path: Path, saved, monkeypatch: pytest.MonkeyPatch) -> None:
    patch, plain = tmp_path / "patch.pth", tmp_path / "srresnet.pth"
    torch.save(PatchDiscriminator().state_dict(), patch)
    torch.save(SRResNet(2, 4, 1).state_dict(), plain)
    rrdb = saved(RRDBNet(4, **RRDB))
    ttsr = tmp_path / "ttsr.pth"
    torch.save(TTSR(features=4, shallow=1, first=1, second=1, third=1).state_dict(), ttsr)
    cases = (
        (ttsr, "out.onnx", "basicsr", r"holds TTSR, which takes references; ONNX and ncnn are for"),
        (rrdb, "out.bin", "basicsr", r"give a file ending in .pth, .safetensors, .onnx"),
        (rrdb, "out.onnx", "old", r"style old is for .pth files, not out.onnx"),
        (plain, "out.pth", "esrgan", r"style esrgan is for RRDBNet, not SRResNet"),
        (patch, "out.onnx", "basicsr", r"holds PatchDiscriminator; only generators are exported"),
        (tmp_path / "none.pth", "out.pth", "basicsr", r"no such weights file; check the path"),
    )
    for weights, out, style, text in cases:
        with pytest.raises(DegradeError, match=text):
            export_model(weights, tmp_path / out, style)  # type: ignore[arg-type]
        assert not (tmp_path / out).exists()

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(DegradeError, match=r"needs onnx, which is not installed: pip install 'deg"):
        export_model(rrdb, tmp_path / "out.onnx")
    with pytest.raises(SettingsError):
        export_model(rrdb, tmp_path / "noending")
