"""Building pairs: the stored tiles are the formula's, the same with any number of workers."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from degrade.degradation import degrade
from degrade.errors import NothingToDo, StoreError
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.images.resize import bicubic
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings, tile_grid
from degrade.store.reader import open_store
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.mine_noise import mine_noise
from tests.photos import contents, write_photos

SETTINGS = PairSettings(scale=2, tile=32, kernels="bicubic", valid=0.3)


def build(location: Path, photos: Path, client: Client, settings: PairSettings = SETTINGS) -> Path:
    check_photos(str(location), client, source=photos)
    if settings.bake_noise:
        mine_noise(str(location), client, NoiseSettings(patch=32, stride=16))
    build_pairs(str(location), client, settings)
    return location


def test_every_pair_can_be_remade_from_its_provenance(
    tmp_path: Path, photos: Path, client: Client
) -> None:
    store = open_store(build(tmp_path / "s", photos, client))
    pairs, sources = store.pairs(2), store.sources()
    assert len(pairs.hr) == len(pairs.lr) == len(pairs.source) > 20
    for i in range(len(pairs.hr)):
        photo = read_image(photos / str(sources.path[pairs.source[i]]))
        hr = to_uint8(bicubic(photo, Fraction(1, 2)))
        lr = to_uint8(degrade(hr, None, 2))
        row, col = int(pairs.row[i]), int(pairs.col[i])
        assert np.array_equal(pairs.hr.tile(i), hr[row : row + 32, col : col + 32])
        at = (slice(row // 2, row // 2 + 16), slice(col // 2, col // 2 + 16))
        assert np.array_equal(pairs.lr.tile(i), lr[at])
        assert (pairs.kernel[i], pairs.noise[i]) == (-1, -1)


def test_split_is_by_photo(tmp_path: Path, photos: Path, client: Client) -> None:
    pairs = open_store(build(tmp_path / "s", photos, client)).pairs(2)
    sides = {side: set(pairs.source[pairs.split == side].tolist()) for side in ("train", "valid")}
    assert not sides["train"] & sides["valid"]
    assert len(sides["valid"]) == round(0.3 * 5) and len(sides["train"]) == 5 - len(sides["valid"])


def test_same_bytes_twice_and_with_two_workers(
    tmp_path: Path, photos: Path, client: Client, two_workers: Client
) -> None:
    settings = SETTINGS.model_copy(update={"bake_noise": True})
    first = contents(build(tmp_path / "a", photos, client, settings))
    assert first == contents(build(tmp_path / "b", photos, client, settings))
    assert first == contents(build(tmp_path / "c", photos, two_workers, settings))


def test_baked_noise_changes_lr_only(tmp_path: Path, photos: Path, client: Client) -> None:
    plain = open_store(build(tmp_path / "a", photos, client)).pairs(2)
    baked = SETTINGS.model_copy(update={"bake_noise": True})
    noisy = open_store(build(tmp_path / "b", photos, client, baked)).pairs(2)
    assert all(np.array_equal(a, b) for a, b in zip(plain.hr, noisy.hr, strict=True))
    difference = np.stack(list(noisy.lr)).astype(float) - np.stack(list(plain.lr))
    assert 1 < difference.std() < 5
    assert abs(difference.mean()) < 0.1
    assert noisy.noise.min() >= 0


def test_tiles_cover_the_image() -> None:
    grid = tile_grid(80, 64, 32)
    assert grid == [(0, 0), (0, 32), (32, 0), (32, 32), (48, 0), (48, 32)]
    assert tile_grid(31, 64, 32) == []


def test_what_cannot_be_built_is_said(tmp_path: Path, photos: Path, client: Client) -> None:
    location = str(tmp_path / "s")
    with pytest.raises(StoreError, match="no store here"):
        build_pairs(location, client, SETTINGS)
    check_photos(location, client, source=photos)
    large = SETTINGS.model_copy(update={"tile": 128})
    with pytest.raises(NothingToDo, match=r"--tile 128: no photo is that large .* --tile 64 would"):
        build_pairs(location, client, large)
    estimated = SETTINGS.model_copy(update={"kernels": "estimated"})
    with pytest.raises(StoreError, match="run `degrade estimate-kernels --scale 2` first"):
        build_pairs(location, client, estimated)
    baked = SETTINGS.model_copy(update={"bake_noise": True})
    with pytest.raises(StoreError, match="run `degrade mine-noise` first"):
        build_pairs(location, client, baked)


def test_a_photo_that_changed_since_the_check_stops_the_build(
    tmp_path: Path, client: Client
) -> None:
    photos = write_photos(tmp_path / "photos", 2)
    check_photos(str(tmp_path / "s"), client, source=photos)
    (photos / "photo 1.png").write_bytes((photos / "photo 0.png").read_bytes())
    with pytest.raises(StoreError, match=r"photo 1\.png: changed since it was checked; put"):
        build_pairs(str(tmp_path / "s"), client, SETTINGS)
