"""Photos, a store made of them and weights, as callers of functions have them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import degrade
from degrade.api.store import StoreArrays
from sr_train.compute.device import seeded
from sr_train.network_files import save_weights
from sr_train.networks.rrdbnet import RRDBNet
from tests.photos import write_photos


@dataclass(frozen=True)
class Workplace:
    """Folders that tests must not write into, and what lies in them."""

    folder: Path
    photos: Path
    store: StoreArrays
    weights: Path


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    folder = tmp_path_factory.mktemp("api")
    photos = write_photos(folder / "photos", 4, 256, 320)
    store = degrade.build_pairs(photos, folder / "degrade.zarr", 2, tile=64, patch=32, valid=0.4)
    with seeded(0):
        network = RRDBNet(2, features=4, blocks=1, growth=4)
    save_weights(folder / "weights.safetensors", network)
    write_photos(folder / "hr", 2, 64, 80)
    write_photos(folder / "lr", 2, 32, 40)
    (folder / "empty").mkdir()
    (folder / "letter.txt").write_text("Dear photo,\n")
    (folder / "letter.png").write_text("Dear photo,\n")
    return Workplace(folder, photos, store, folder / "weights.safetensors")


Call = Callable[[Workplace], Any]
Row = tuple[str, Call, type[Exception], str, str]
"""A row of bad input: a name, the call, the kind of its error, and words of its text."""
