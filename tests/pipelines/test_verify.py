"""Damage is found, named, and only what is damaged is made again."""

from pathlib import Path

import pytest
from distributed import Client

from degrade.errors import StoreError
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.store.lock import exclusive
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.mine_noise import mine_noise
from pipelines.stages.verify import verify
from tests import fresh
from tests.photos import contents


@pytest.fixture
def store(tmp_path: Path, photos: Path, client: Client) -> Path:
    location = tmp_path / "s.zarr"
    check_photos(str(location), client, source=photos)
    mine_noise(str(location), client, NoiseSettings(patch=32, stride=16))
    settings = PairSettings(scale=2, tile=32, kernels="bicubic", bake_noise=True)
    build_pairs(str(location), client, settings)
    return location


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_an_intact_store(store: Path, client: Client) -> None:
    report = verify(str(store), client)
    assert report.chunks == 3 and not report.damaged and not report.unfinished


def test_damaged_tiles_are_rebuilt_to_the_same_bytes(store: Path, client: Client) -> None:
    before = contents(store)
    flip(store / "pairs/x2/lr/c/0/0/0/0", 1000)
    (store / "pairs/x2/hr/c/0/0/0/0").unlink()
    patches = store / "noise/patches/c/0/0/0/0"
    patches.write_bytes(patches.read_bytes()[:-5])
    found = verify(str(store), client)
    assert found.damaged == (
        "noise/patches/c/0/0/0/0",
        "pairs/x2/hr/c/0/0/0/0",
        "pairs/x2/lr/c/0/0/0/0",
    )
    assert sorted(verify(str(store), client, repair=True).repaired) == list(found.damaged)
    assert contents(store) == before


def test_a_damaged_small_array_is_named(store: Path, client: Client) -> None:
    flip(store / "noise/variance/c/0", 8)
    report = verify(str(store), client, repair=True)
    assert report.damaged == ("noise/variance",) and not report.repaired


def test_a_second_writer_is_refused_and_a_dead_one_is_not(tmp_path: Path) -> None:
    location = str(tmp_path / "s.zarr")
    with exclusive(location):
        code = f"from degrade.store.lock import exclusive\nwith exclusive({location!r}): pass"
        second = fresh.run(code, cwd=tmp_path)
        assert second.returncode == 1
        assert "StoreError: " in second.stderr and "process " in second.stderr
        assert "is writing to it; wait until it is done" in second.stderr
    (tmp_path / "s.zarr.lock").write_text("process 1 on elsewhere\n")
    with exclusive(location):
        pass


def test_no_store(tmp_path: Path, client: Client) -> None:
    with pytest.raises(StoreError, match="no store here"):
        verify(str(tmp_path / "none"), client)
