"""A store as arrays, and how it is made by functions."""

import logging
from pathlib import Path

import numpy as np
import pytest
import zarr

import degrade
from degrade.errors import NoStore
from pipelines.execution import progress
from tests.api.conftest import Workplace
from tests.photos import contents


def test_the_arrays_are_the_stored_ones(place: Workplace) -> None:
    group = zarr.open_group(place.store.location, mode="r")
    store = degrade.open_store(Path(place.store.location))
    assert store.scales == (2,)
    pairs = store.pairs()
    np.testing.assert_array_equal(np.asarray(pairs.hr), group["pairs/x2/hr"][:])
    np.testing.assert_array_equal(pairs.lr[-1], group["pairs/x2/lr"][-1])
    np.testing.assert_array_equal(pairs.lr[1:3], group["pairs/x2/lr"][1:3])
    np.testing.assert_array_equal(pairs.lr[[2, 0]], group["pairs/x2/lr"].oindex[[2, 0]])
    assert pairs.hr[:0].shape == (0, 64, 64, 3) and pairs.hr.dtype == np.uint8
    assert len(pairs.hr) == pairs.hr.shape[0] == len(pairs.train)
    np.testing.assert_array_equal(pairs.train, group["pairs/x2/split"][:] == "train")
    np.testing.assert_array_equal(store.kernels(2).weights, group["kernels/x2/weights"][:])
    np.testing.assert_array_equal(np.asarray(store.noise().patches), group["noise/patches"][:])
    with pytest.raises(IndexError):
        _ = pairs.hr[len(pairs.hr)]


def test_provenance_names_the_photo_of_every_row(place: Workplace) -> None:
    pairs = place.store.provenance("pairs")
    assert len(pairs) == len(place.store.pairs().hr)
    assert {"path", "row", "col", "kernel", "split"} <= set(pairs.columns)
    first = pairs.iloc[0]
    photo = degrade.read_image(place.photos / first.path)
    kernel = place.store.kernels().weights[first.kernel]
    hr = place.store.pairs().hr[0]
    lr = degrade.degrade(np.asarray(hr), kernel, 2)
    near = np.abs(lr - place.store.pairs().lr[0] / 255.0)[8:-8, 8:-8]
    assert photo.shape == (256, 320, 3) and near.max() < 0.01
    kernels = place.store.provenance("kernels")
    assert list(kernels.path) == [f"photo {i}.png" for i in range(4)] and kernels.accepted.all()
    assert len(place.store.provenance("noise")) == len(place.store.noise().variance)
    assert list(place.store.provenance("photos").status) == ["ok"] * 4


def test_a_complete_store_is_left_as_it_is(place: Workplace) -> None:
    folder = Path(place.store.location)
    before = contents(folder)
    degrade.build_pairs(place.photos, str(folder), 2, tile=64, patch=32, valid=0.4)
    assert contents(folder) == before


def test_nothing_is_printed_and_progress_is_reported(
    place: Workplace, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reported: list[tuple[str, float, float]] = []
    degrade.build_pairs(
        place.photos,
        tmp_path / "s.zarr",
        2,
        tile=64,
        patch=None,
        progress=lambda *said: reported.append(said),
    )
    degrade.estimate_kernels(place.photos, 2)
    assert capfd.readouterr() == ("", "")
    assert [name for name, done, total in reported if done == total and total] == [
        "check source photos",
        "estimate-kernels",
        "build-pairs",
    ]
    with pytest.raises(NoStore, match="has no noise; run `degrade mine-noise` first"):
        degrade.open_store(tmp_path / "s.zarr").noise()


def test_what_is_said_goes_to_the_log_for_a_caller(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with progress.reporting_to(None), caplog.at_level(logging.INFO, "pipelines"):
        progress.say("dashboard: somewhere")
        with progress.track("check", 2, "files") as counter:
            counter.advance(2)
    assert capsys.readouterr() == ("", "") and "dashboard: somewhere" in caplog.text
    progress.say("aloud")
    assert capsys.readouterr().err == "aloud\n"


def test_a_folder_of_kernels_can_be_kept(place: Workplace, tmp_path: Path) -> None:
    found = degrade.estimate_kernels(place.photos, 3, store=tmp_path / "kept.zarr")
    kept = degrade.open_store(tmp_path / "kept.zarr").kernels()
    np.testing.assert_array_equal(
        kept.weights, np.stack([kernel.weights for kernel in found.kernels.values()])
    )
