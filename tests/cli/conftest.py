"""A very small network of the command line's tests, and what it is trained and tried on."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from distributed import Client

from degrade.images.write import write_png
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.mine_noise import mine_noise
from pipelines.stages.train import train_method
from sr_train.settings.esrgan import EsrganSettings
from tests.photos import make_photo, write_photos

FIELDS = {
    "network": {"features": 4, "blocks": 1, "growth": 2},
    "crop": 24,
    "batch": 1,
    "psnr": {"steps": 3, "learning_rate": 1e-3, "betas": [0.9, 0.99], "milestones": [2]},
    "gan": {"steps": 1, "learning_rate": 1e-3, "betas": [0.9, 0.99], "milestones": []},
    "loss": {"perceptual": 0},
    "device": "cpu",
    "threads": 1,
    "validation_tiles": 1,
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    """A store with noise and bicubic pairs."""
    base = tmp_path_factory.mktemp("trained")
    photos = write_photos(base / "photos", 3, 64, 96)
    place = str(base / "s.zarr")
    check_photos(place, client, source=photos)
    mine_noise(place, client, NoiseSettings(patch=16))
    build_pairs(place, client, PairSettings(scale=2, tile=24, kernels="bicubic", valid=0.3))
    return base / "s.zarr"


@pytest.fixture(scope="session")
def weights(store: Path) -> Path:
    settings = EsrganSettings.model_validate(FIELDS)
    return Path(train_method(str(store), "esrgan", settings, store.parent / "runs").weights)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings as a file, written as JSON, which is YAML."""
    path = tmp_path / "small.yaml"
    path.write_text(json.dumps(FIELDS))
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """HR images in hr, and every second pixel of them in lr."""
    for i in range(2):
        hr = make_photo(20 + i, 40, 52)
        write_png(tmp_path / "hr" / f"{i}.png", hr)
        write_png(tmp_path / "lr" / f"{i}.png", hr[::2, ::2])
    return tmp_path
