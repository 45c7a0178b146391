"""Pairs as a torch dataset: what the trainers learn from, however many workers read it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr
from torch.utils.data import DataLoader, default_collate

import degrade
from degrade.errors import NoStore
from degrade.noise.model_names import NOISE_NAMES
from degrade.noise.model_table import model_of
from degrade.store.reader import open_store
from pipelines.stages.train import store_data
from sr_train import PairDataset
from sr_train.data.crops import unit_batch
from sr_train.settings.psnr import PsnrSettings
from tests.api.conftest import Workplace
from tests.photos import make_photo, write_photos

CPU = torch.device("cpu")


@pytest.mark.parametrize("crop", [32, 48, None])
def test_an_item_is_a_pair_of_crops_in_the_unit_range(place: Workplace, crop: int | None) -> None:
    pairs = PairDataset(place.store, crop=crop)
    side = crop or 64
    lr, hr = pairs[0]
    assert lr.shape == (3, side // 2, side // 2) and hr.shape == (3, side, side)
    for image in (lr, hr):
        assert image.dtype == torch.float32
        assert 0 <= image.min() < image.max() <= 1
    assert len(pairs) == int(place.store.pairs().train.sum()) and pairs.scale == 2


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("model", NOISE_NAMES)
def test_batches_are_those_that_the_trainers_learn_from(
    place: Workplace, model: str, workers: int
) -> None:
    settings = PsnrSettings(crop=32, batch=4, seed=5, noise_model=model)
    feed = store_data(place.store.location, 2, settings)
    pairs = PairDataset(place.store.location, crop=32, batch=4, length=3, seed=5, noise_model=model)
    left = feed.left[feed.train]
    assert (left > 0).all() if model_of(model).of_sensor else not left.any()
    for step, (lr, hr) in enumerate(DataLoader(pairs, None, num_workers=workers)):
        expected = feed.batch(step, slice(None), CPU)
        assert torch.equal(lr, expected.lr) and torch.equal(hr, expected.hr)


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_do_not_change_what_is_drawn(
    place: Workplace, batch: int | None, start: str
) -> None:
    pairs = PairDataset(place.store, crop=32, batch=batch, length=6)
    size = None if batch else 2
    workers = {"num_workers": 2, "persistent_workers": True, "multiprocessing_context": start}
    alone, many = DataLoader(pairs, size), DataLoader(pairs, size, **workers)
    epochs = []
    for epoch in (0, 1):
        pairs.set_epoch(epoch)
        epochs.append([list(alone), list(many)])
        for one, other in zip(*epochs[-1], strict=True):
            assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
    assert not torch.equal(epochs[0][0][0][0], epochs[1][0][0][0]), "an epoch has its own crops"


def test_seed_and_epoch_decide_the_draws(place: Workplace) -> None:
    first, again, other = (PairDataset(place.store, crop=32, seed=s) for s in (0, 0, 1))
    assert torch.equal(first[3][0], again[3][0]) and not torch.equal(first[3][0], other[3][0])
    again.set_epoch(1)
    assert not torch.equal(first[3][0], again[3][0])
    torch.manual_seed(1)
    assert torch.equal(first[3][0], PairDataset(place.store, crop=32)[3][0])


def test_noise_is_all_that_it_adds(place: Workplace) -> None:
    noisy, plain = (PairDataset(place.store, crop=32, noise=noise) for noise in (None, False))
    for index in range(4):
        assert torch.equal(noisy[index][1], plain[index][1])
        added = noisy[index][0] - plain[index][0]
        assert 0 < added.std() < 0.05 and added.mean().abs() < 1e-3


def test_validation_is_each_pair_once_and_always_the_same(place: Workplace) -> None:
    rows = np.flatnonzero(~place.store.pairs().train)
    valid = PairDataset(place.store, split="valid", crop=None, noise=False)
    assert len(valid) == len(rows) > 1
    for (lr, hr), row in zip(valid, rows, strict=True):
        assert torch.equal(hr, unit_batch(place.store.pairs().hr[[row]], CPU)[0])
        assert torch.equal(lr, unit_batch(place.store.pairs().lr[[row]], CPU)[0])
    middle = PairDataset(place.store, split="valid", crop=32, noise=False)
    torch.testing.assert_close(middle[0][1], valid[0][1][:, 16:48, 16:48])
    assert torch.equal(middle[-1][1], middle[len(rows) - 1][1])
    with pytest.raises(IndexError):
        _ = middle[len(rows)]


def test_kernels_make_lr_on_the_fly(place: Workplace) -> None:
    fly = PairDataset(place.store, crop=32, degradation="on-the-fly", noise=False, flips=False)
    stored = PairDataset(place.store, crop=32, noise=False, flips=False)
    assert fly[0][0].shape == stored[0][0].shape and not torch.equal(fly[0][0], stored[0][0])


def test_two_folders_are_a_dataset(tmp_path: Path) -> None:
    hr = write_photos(tmp_path / "hr", 2, 64, 96)
    (tmp_path / "lr").mkdir()
    from degrade.images.colour import to_uint8
    from degrade.images.write import write_png

    for index in range(2):
        small = to_uint8(degrade.degrade(make_photo(index, 64, 96), None, 2))
        write_png(tmp_path / "lr" / f"photo {index}.png", small)
    pairs = PairDataset(tmp_path / "lr", hr, crop=32, batch=4)
    lr, big = pairs[0]
    assert pairs.scale == 2 and lr.shape == (4, 3, 16, 16) and big.shape == (4, 3, 32, 32)
    single = PairDataset(tmp_path / "lr", hr, scale=2, crop=32)
    assert default_collate([single[0], single[1]])[0].shape == (2, 3, 16, 16)


def test_a_store_without_noise_gives_its_lr_as_it_is(place: Workplace, tmp_path: Path) -> None:
    shutil.copytree(place.store.location, tmp_path / "s.zarr")
    shutil.rmtree(tmp_path / "s.zarr" / "noise")
    bare = PairDataset(tmp_path / "s.zarr", crop=32)
    plain = PairDataset(place.store, crop=32, noise=False)
    assert torch.equal(bare[0][0], plain[0][0])
    assert len(open_store(tmp_path / "s.zarr").pairs(2).hr) > len(bare)


@pytest.mark.parametrize("model", NOISE_NAMES)
def test_every_model_adds_its_noise(place: Workplace, model: str) -> None:
    noisy = PairDataset(place.store, crop=32, noise_model=model)
    plain = PairDataset(place.store, crop=32, noise=False)
    published = PairDataset(place.store, crop=32)
    assert torch.equal(noisy[0][1], plain[0][1])
    assert 0 < (noisy[0][0] - plain[0][0]).std() < 0.05
    assert torch.equal(noisy[0][0], published[0][0]) == (model == "patch")


@pytest.mark.parametrize("stale", ["noise", "kernels/x2", "pairs/x2"])
def test_what_was_made_of_other_photos_is_refused(
    place: Workplace, tmp_path: Path, stale: str
) -> None:
    location = tmp_path / "s.zarr"
    shutil.copytree(place.store.location, location)
    group = zarr.open_group(location)[stale]
    name = "source photos" if stale == "pairs/x2" else "photos"
    group.attrs["inputs"] = {**group.attrs["inputs"], name: "others"}
    plain = {"noise": False} if stale == "kernels/x2" else {}
    with pytest.raises(NoStore, match=f"{stale}: was made from other {name} than the store holds"):
        PairDataset(location, crop=32, degradation="on-the-fly", **plain)
    if stale == "noise":
        assert PairDataset(location, crop=32, noise=False)[0][0].shape == (3, 16, 16)
