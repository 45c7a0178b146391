"""Measures of SR alone: packages and files that are missing are named; laws of the scores."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from degrade.errors import SettingsError, WeightsError
from sr_train.evaluation import no_reference
from sr_train.evaluation.metric_table import MetricOptions
from sr_train.evaluation.no_reference import open_arniqa, open_clip_iqa

PIQ = """
import torch
from pathlib import Path
class CLIPIQA(torch.nn.Module):
    def __init__(self, data_range):
        super().__init__()
        scripted = torch.jit.load(Path("~/.cache/clip/RN50.pt").expanduser())
        self.weight = torch.nn.Parameter(scripted.state_dict()["weight"])
    def forward(self, image):
        return image.mean() * self.weight.sum()
"""
ARNIQA = """
import torch
class ARNIQA(torch.nn.Module):
    def __init__(self, regressor_dataset):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
    def forward(self, image):
        return 1 - image.mean() * self.weight
"""


class Row(nn.Module):
    """Named as ARNIQA's last layer is."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(1, 4096))
        self.biases = nn.Parameter(torch.tensor(level))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weights.T + self.biases


def script(module: nn.Module, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.jit.save(torch.jit.script(module), path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without anything in it, and torch hub's folder there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    return tmp_path


@pytest.fixture
def packages(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand-ins for the packages, which look at brightness."""
    texts = {"torchvision": "", "piq": PIQ, "torchmetrics": "", "torchmetrics/image": ""}
    texts["torchmetrics/image/arniqa"] = ARNIQA
    names = [name.replace("/", ".") for name in texts]
    for name, text in texts.items():
        (home / "site" / name).mkdir(parents=True)
        (home / "site" / name / "__init__.py").write_text(text)
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(home / "site")
    yield home
    for name in names:
        sys.modules.pop(name, None)


def put_files(home: Path) -> None:
    one = nn.Linear(1, 1, bias=False)
    nn.init.constant_(one.weight, 0.5)
    script(one, home / ".cache" / "clip" / "RN50.pt")
    torch.save(torch.zeros(2, 77, dtype=torch.int64), home / ".cache/clip/clipiqa_tokens.pt")
    (home / "hub" / "checkpoints").mkdir(parents=True)
    torch.save({"model.0.weight": torch.zeros(1)}, home / "hub/checkpoints/ARNIQA.pth")
    script(Row(1.0), home / "hub/checkpoints/regressor_koniq10k.pth")


def test_what_is_missing_is_named_with_where_to_put_it(packages: Path) -> None:
    clip, hub = packages / ".cache" / "clip", packages / "hub" / "checkpoints"
    with pytest.raises(WeightsError) as caught:
        open_clip_iqa()
    assert str(caught.value) == (
        f"CLIP-IQA needs {clip / 'RN50.pt'}, which is not there: put "
        "https://github.com/photosynthesis-team/piq/releases/download/v0.7.1/RN50.pt there"
    )
    with pytest.raises(WeightsError) as caught:
        open_arniqa("koniq10k")
    assert str(caught.value) == (
        f"ARNIQA needs {hub / 'ARNIQA.pth'}, which is not there: put "
        "https://github.com/miccunifi/ARNIQA/releases/download/weights/ARNIQA.pth there"
    )
    put_files(packages)
    with pytest.raises(WeightsError, match=r"regressor_kadid10k\.pth, which is not there: put ht"):
        open_arniqa("kadid10k")


def test_pickled_code_is_never_run(packages: Path) -> None:
    put_files(packages)
    clip, hub = packages / ".cache" / "clip", packages / "hub" / "checkpoints"
    torch.save(Row(0.0), clip / "RN50.pt")
    with pytest.raises(WeightsError, match=r"RN50\.pt: is no TorchScript file; get it from https"):
        open_clip_iqa()
    torch.save({"model.0.weight": Row(0.0)}, hub / "ARNIQA.pth")
    with pytest.raises(WeightsError, match=r"ARNIQA\.pth: not a torch file of plain tensors"):
        open_arniqa("koniq10k")
    torch.save({"model.0.weight": torch.zeros(1)}, hub / "ARNIQA.pth")
    (hub / "regressor_koniq10k.pth").write_bytes(b"no archive")
    with pytest.raises(WeightsError, match=r"regressor_koniq10k\.pth: is no TorchScript file"):
        open_arniqa("koniq10k")


def test_a_package_that_cannot_be_imported_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(WeightsError) as caught:
        open_clip_iqa()
    assert "CLIP-IQA needs the packages piq and torchvision, which cannot be imp" in str(
        caught.value
    )
    assert "pip install 'degrade[clipiqa]'" in str(caught.value)
    with pytest.raises(WeightsError, match=r"packages torchmetrics and .*degrade\[arniqa\]"):
        open_arniqa("koniq10k")


def test_they_are_measures_with_their_files(packages: Path) -> None:
    put_files(packages)
    measures = MetricOptions(clip_iqa=True, arniqa="koniq10k").open()
    grey = torch.full((40, 50, 3), 51, dtype=torch.uint8).numpy()
    found = {measure.name: measure.score(grey, 0 * grey) for measure in measures}
    assert found == pytest.approx({"clip_iqa": 0.1, "arniqa": 0.8})
    for measure, names in zip(
        measures,
        (["RN50.pt", "clipiqa_tokens.pt"], ["ARNIQA.pth", "regressor_koniq10k.pth"]),
        strict=True,
    ):
        assert [file.path.name for file in measure.files] == names
        assert len(measure.describe()["weights"][0]["sha256"]) == 64
    with pytest.raises(SettingsError) as caught:
        measures[0].score(grey[:31], grey[:31])
    assert str(caught.value) == (
        "image of 31 rows and 50 columns is too small for CLIP-IQA; it needs 32 or more"
    )


def usable(module: str) -> bool:
    try:
        importlib.import_module("torchvision")
        importlib.import_module(module)
    except Exception:
        return False
    return True


@pytest.mark.skipif(not usable("piq"), reason="extra clipiqa")
def test_clip_iqa_of_the_package_turns_with_its_sentences(home: Path) -> None:
    """With a small CLIP of random weights; of swapped sentences the score is the rest to 1."""
    from piq.feature_extractors.clip import CLIP

    torch.manual_seed(0)
    network = CLIP(32, 224, (1, 1, 1, 1), 8, None, 16, 50, 64, 1, 1).eval()
    inputs = (torch.rand(1, 3, 224, 224), torch.zeros(2, 16, dtype=torch.int64))
    (home / ".cache" / "clip").mkdir(parents=True)
    torch.jit.save(torch.jit.trace(network, inputs), home / ".cache/clip/RN50.pt")
    tokens = torch.randint(50, (2, 16))
    scores = []
    for given in (tokens, tokens.flip(0)):
        torch.save(given, home / ".cache/clip/clipiqa_tokens.pt")
        scores.append(open_clip_iqa().score(torch.rand(1, 3, 64, 48).fill_(0.4)))
    assert scores[0] + scores[1] == pytest.approx(1, abs=1e-5) and 0 < scores[0] < 1
    torch.save({"a": 1}, home / ".cache/clip/clipiqa_tokens.pt")
    with pytest.raises(WeightsError, match=r"clipiqa_tokens\.pt: cannot be loaded \(.*get them fr"):
        open_clip_iqa()


@pytest.mark.skipif(not usable("torchmetrics.image.arniqa"), reason="extra arniqa")
@pytest.mark.parametrize(("regressor", "level"), [("koniq10k", 75.25), ("kadid10k", 4.0)])
def test_arniqa_of_the_package_is_on_the_scale_of_its_people(
    home: Path, regressor: no_reference.Regressor, level: float
) -> None:
    """With a ResNet-50 of random weights and a last layer that says what its people's scale has."""
    from torchvision.models import resnet50

    torch.manual_seed(0)
    layers = nn.Sequential(*list(resnet50().children())[:-1])
    state = {f"model.{key}": value for key, value in layers.state_dict().items()}
    (home / "hub" / "checkpoints").mkdir(parents=True)
    file = home / "hub" / "checkpoints" / "ARNIQA.pth"
    torch.save(state | {"projector.0.weight": torch.zeros(1)}, file)
    script(Row(level), file.with_name(f"regressor_{regressor}.pth"))
    network = open_arniqa(regressor)
    pictures = torch.rand(2, 1, 3, 40, 33)
    assert [network.score(each) for each in pictures] == pytest.approx([0.75, 0.75], abs=1e-4)
    torch.save({"model.0.weight": torch.zeros(1)}, file)
    with pytest.raises(WeightsError, match=r"ARNIQA\.pth or .*: cannot be loaded \(Error.*"):
        open_arniqa(regressor)
