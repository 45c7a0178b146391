"""A lens by functions: found as the command finds it, and what it makes of a picture."""

from pathlib import Path

import numpy as np
import pytest

import degrade
from degrade.images.colour import to_uint8
from tests.cli.answers import one_object
from tests.conftest import Command
from tests.photos import make_photo
from tests.simulated_lens import write_photos

pytestmark = pytest.mark.usefixtures("lens_photos_measured_once")

CLEAN = make_photo(9, 96, 128)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("lens-face") / "photos", 10, even=False)


@pytest.fixture(scope="module")
def lens(photos: Path) -> degrade.MeasuredLens:
    return degrade.estimate_lens(photos, scale=2, store=photos.parent / "kept.zarr")


def test_it_is_what_the_command_finds(
    photos: Path, lens: degrade.MeasuredLens, degrade: Command
) -> None:
    where = ("--store", "s.zarr")
    assert degrade("estimate-kernels", photos, "--scale", 2, *where).code == 0
    reported = one_object(degrade("estimate-lens", "--scale", 2, *where, "--json"))
    assert (lens.by_place, lens.by_colour) == (reported["by_place"], reported["by_colour"])
    assert (lens.photos, lens.refused) == (reported["photos"], dict(reported["refused"]))
    np.testing.assert_allclose(lens.radii, reported["radii"], atol=1e-3)
    np.testing.assert_allclose(lens.shift, reported["shift"], atol=1e-3)
    np.testing.assert_allclose(lens.sigma, reported["sigma"], atol=1e-3)
    assert lens.by_place and lens.by_colour


def test_a_kept_lens_is_returned_at_once_and_makes_the_stores_pairs(
    photos: Path, lens: degrade.MeasuredLens
) -> None:
    kept, seen = photos.parent / "kept.zarr", []
    again = degrade.estimate_lens(photos, scale=2, store=kept, progress=lambda *a: seen.append(a))
    assert np.array_equal(again.weights, lens.weights)
    assert not [one for one in seen if one[0] == "estimate-lens" and one[1]]
    store = degrade.build_pairs(
        photos, kept, 2, kernels="lens", cleanup=1, tile=64, patch=None, valid=0.2
    )
    pairs, photo = store.stored.pairs(2), degrade.read_image(photos / "00.png")
    lr = to_uint8(lens.degrade(photo))
    row = int(np.flatnonzero(pairs.source == 0)[-1])
    top, left = int(pairs.row[row]), int(pairs.col[row])
    assert np.array_equal(pairs.hr.tile(row), photo[top : top + 64, left : left + 64])
    small = lr[top // 2 : top // 2 + 32, left // 2 : left // 2 + 32]
    assert np.array_equal(pairs.lr.tile(row), small)


def test_the_middle_is_sharper_than_the_corner(lens: degrade.MeasuredLens) -> None:
    lr = lens.degrade(CLEAN)
    assert lr.shape == (48, 64, 3) and lr.dtype == np.float32 and 0 <= lr.min() <= lr.max() <= 1
    assert (lens.sigma[0] < lens.sigma[-1]).all()
    with pytest.raises(ValueError, match="hr has 95 rows"):
        lens.degrade(CLEAN[:95])
    with pytest.raises(ValueError, match="hr"):
        lens.degrade("photo.png")
