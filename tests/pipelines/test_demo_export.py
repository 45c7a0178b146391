"""What the demo exports is its network, in a file that other programs load."""

from pathlib import Path

import pytest
import torch

from pipelines.demo import export
from pipelines.recipes.recipe import load_recipe
from sr_train.export.export_model import other_programs
from sr_train.methods import METHODS
from sr_train.network_files import load_network, save_weights
from sr_train.networks.generator import Generator


@pytest.fixture
def trained(tmp_path: Path) -> Generator:
    """A network as the demo's recipe has it; its weights are in the folder."""
    recipe = load_recipe("demo")
    training = recipe.stages.train
    assert training
    torch.manual_seed(0)
    network = METHODS[training.method].generator(training.settings, recipe.scale).eval()
    save_weights(tmp_path / "weights.safetensors", network)
    return network


def test_the_export_is_one_that_other_programs_load(trained: Generator, tmp_path: Path) -> None:
    path = export(tmp_path / "weights.safetensors", tmp_path)
    assert path == tmp_path / "demo.pth" and other_programs(trained) is not None
    found, lr = load_network(path), torch.rand(1, 3, 14, 10)
    assert other_programs(found) is None
    torch.testing.assert_close(found(lr), trained(lr))


def test_spandrel_gives_its_pixels(trained: Generator, tmp_path: Path) -> None:
    spandrel = pytest.importorskip("spandrel", exc_type=Exception)
    path = export(tmp_path / "weights.safetensors", tmp_path)
    theirs, lr = spandrel.ModelLoader().load_from_file(path).eval(), torch.rand(1, 3, 16, 12)
    assert theirs.scale == trained.scale
    with torch.inference_mode():
        torch.testing.assert_close(theirs(lr).clamp(0, 1), trained(lr).clamp(0, 1))
