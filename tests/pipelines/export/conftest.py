"""A store with pairs and noise, and what its tests know of it."""

from pathlib import Path

import pytest
from distributed import Client

from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.mine_noise import mine_noise


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory, photos: Path, client: Client) -> str:
    """A store of 100 x2 pairs, a fifth of them valid; tests must not write into it."""
    location = str(tmp_path_factory.mktemp("export") / "s.zarr")
    check_photos(location, client, source=photos)
    mine_noise(location, client, NoiseSettings(patch=32, stride=16))
    settings = PairSettings(scale=2, tile=32, cleanup=1, kernels="bicubic", valid=0.2)
    build_pairs(location, client, settings)
    return location
