import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from degrade.images.colour import luma
from degrade.images.decode import read_image
from degrade.images.files import find_files
from degrade.noise.injection import zero_mean
from degrade.noise.mining import (
    NoiseSettings,
    clipped_share,
    detrended_variance,
    merge,
    mine,
    patches,
    structure,
)

AXIS = np.mgrid[:128, :128] / 127


def photo(surface, sigma=0.0, seed=0):
    noise = sigma * np.random.default_rng(seed).normal(size=(*surface.shape, 3))
    return np.clip(np.floor(surface[..., None] + noise + 0.5), 0, 255).astype(np.uint8)


def ramp(low=100.0, high=115.0):
    return low + (high - low) * AXIS[1]


def grain(sigma, std=4.0, seed=1):
    noise = np.random.default_rng(seed).normal(size=(256, 256, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma)
    return (128 + smooth * std / smooth.std()).astype(np.float32)


def test_windows_cover_the_photo_with_the_last_one_at_the_border():
    windows = mine(photo(np.full((150, 200), 90.0), 3), NoiseSettings(patch=64))
    assert sorted(set(windows.row)) == [0, 64, 86]
    assert sorted(set(windows.col)) == [0, 64, 128, 136]
    assert len(windows) == 12 and windows.accepted.all()


def test_a_photo_smaller_than_a_patch_has_no_windows():
    windows = mine(photo(np.full((40, 200), 90.0)), NoiseSettings(patch=64))
    assert len(windows) == 0 and windows.mean.shape == (0, 3)
    assert patches(photo(np.full((40, 200), 90.0)), windows, 64).shape == (0, 64, 64, 3)


@given(side=st.integers(16, 40), terms=st.lists(st.floats(-50, 50), min_size=6, max_size=6))
@settings(max_examples=25, deadline=None)
def test_no_quadratic_surface_has_variance(side, terms):
    y, x = np.mgrid[:side, :side] / side
    surface = np.tensordot(terms, [np.ones_like(x), y, x, y * y, x * y, x * x], 1) + 100
    grey = surface.astype(np.float32)[None]
    assert detrended_variance(grey, grey.mean((1, 2)))[0] < 1e-3


def test_variance_agrees_with_a_least_squares_fit():
    grey = luma(photo(60 + 80 * AXIS[0] ** 3 + 20 * np.sin(9 * AXIS[1]), 5))
    y, x = AXIS.reshape(2, -1)
    design = np.stack([np.ones_like(x), y, x, y * y, x * y, x * x], 1)
    _, left, *_ = np.linalg.lstsq(design, grey.ravel().astype(np.float64))
    measured = detrended_variance(grey[None], grey.mean(keepdims=True)[0])[0]
    assert measured == pytest.approx(left[0] / grey.size, rel=1e-4)


@pytest.mark.parametrize("patch", [64, 128])
def test_the_sky_ramp_of_variance_19_is_no_noise(patch):
    sky = photo(ramp())
    assert 18 < luma(sky).var() < 20
    windows = mine(sky, NoiseSettings(patch=patch))
    assert (windows.variance < 0.25).all() and not windows.accepted.any()


def test_a_noisy_ramp_counts_with_its_noise_only():
    noisy = photo(ramp(100, 120), 4)
    (variance,) = mine(noisy, NoiseSettings(patch=128)).variance
    expected = 16 * (0.299**2 + 0.587**2 + 0.114**2)
    assert variance == pytest.approx(expected, rel=0.05)
    assert luma(noisy).var() > 20
    assert mine(noisy, NoiseSettings(patch=128)).accepted.all()


@pytest.mark.parametrize("loud", [range(0, 64, 4), range(1, 64, 4), range(64)])
@pytest.mark.parametrize("sigma", [2.0, 8.0, 25.0, 40.0])
def test_the_first_look_at_some_rows_changes_no_verdict(loud, sigma):
    rng = np.random.default_rng(4)
    levels = 128 + rng.normal(0, 2, (64, 192, 3))
    levels[list(loud)] += rng.normal(0, sigma, (len(loud), 192, 3))
    taken = levels.clip(1, 254).round().astype(np.uint8)
    loose = NoiseSettings(patch=64, max_structure=1)
    windows = mine(taken, loose)
    grey = np.stack([luma(taken[:, col : col + 64]) for col in windows.col])
    whole = detrended_variance(grey, grey.mean((1, 2)))
    near = ~np.isnan(windows.clipped)
    np.testing.assert_allclose(windows.variance[near], whole[near], rtol=1e-5)
    assert (whole[~near] > loose.max_variance).all()
    assert (windows.accepted == (whole < loose.max_variance)).all()


@pytest.mark.parametrize("level", [0.0, 128.0, 255.0])
def test_constant_areas_are_refused(level):
    assert not mine(photo(np.full((64, 64), level)), NoiseSettings(patch=64)).accepted.any()


def test_clipped_noise_is_refused():
    bright = photo(np.full((64, 64), 254.0), 4)
    assert not mine(bright, NoiseSettings(patch=64)).accepted.any()
    assert mine(bright, NoiseSettings(patch=64, max_clipped=1)).accepted.all()
    assert clipped_share(bright) == np.mean(((bright == 0) | (bright == 255)).any(2))


def test_texture_of_low_variance_is_refused():
    stripes = photo(128 + 3 * np.sin(AXIS[1] * 40), 1)
    assert not mine(stripes, NoiseSettings(patch=128)).accepted.any()
    assert mine(stripes, NoiseSettings(patch=128, max_structure=1)).accepted.all()


def test_structure_is_the_share_of_block_means_in_crops_of_32():
    window = photo(ramp(), 6)
    crops = window.astype(float).reshape(4, 32, 4, 32, 3)
    crops = crops - crops.mean((1, 3), keepdims=True)
    blocks = crops.reshape(4, 4, 8, 4, 4, 8, 3).mean((2, 5))
    expected = np.square(blocks).mean() / np.square(crops).mean()
    assert structure([window])[0] == pytest.approx(expected, rel=1e-4)
    assert structure([window[:16, :16]]).shape == (1,)


def test_structure_grows_with_the_grain():
    shares = [structure([grain(sigma)])[0] for sigma in (0.35, 1, 2)]
    assert shares[0] == pytest.approx(1 / 64, abs=0.01)
    assert shares[1] == pytest.approx(0.14, abs=0.02)
    assert shares[2] > 0.3
    assert structure([np.full((32, 32, 3), 7, np.uint8)])[0] == 0


def test_every_threshold_changes_the_verdict():
    noisy = photo(np.full((128, 128), 60.0), 3)
    assert mine(noisy, NoiseSettings(patch=64)).accepted.all()
    for change in (
        {"max_variance": 2.0},
        {"min_variance": 8.0},
        {"min_mean": 70.0},
        {"max_structure": 0.005},
    ):
        assert not mine(noisy, NoiseSettings(patch=64, **change)).accepted.any(), change
    assert len(mine(noisy, NoiseSettings(patch=64, stride=32))) == 9


def test_means_and_patches_are_the_photo_s_own():
    noisy = photo(np.full((100, 90), 60.0), 3)
    windows = mine(noisy, NoiseSettings(patch=32))
    cut = patches(noisy, windows, 32)
    assert cut.dtype == np.uint8 and len(cut) == windows.accepted.sum() > 0
    for patch, row, col, mean in zip(cut, windows.row, windows.col, windows.mean, strict=True):
        assert (patch == noisy[row : row + 32, col : col + 32]).all()
        np.testing.assert_allclose(mean, patch.mean((0, 1)), rtol=1e-6)


def test_floating_point_photos_measure_as_8_bit_ones():
    noisy = photo(ramp(), 3)
    eight = mine(noisy, NoiseSettings(patch=64))
    sixteen = mine(noisy.astype(np.float32) / 255, NoiseSettings(patch=64))
    np.testing.assert_allclose(sixteen.variance, eight.variance, rtol=1e-4)
    np.testing.assert_allclose(sixteen.structure, eight.structure, rtol=1e-3)
    assert (sixteen.accepted == eight.accepted).all()
    assert (patches(noisy / np.float32(255), sixteen, 64) == patches(noisy, eight, 64)).all()


def test_settings_name_the_fault():
    with pytest.raises(ValidationError, match="min_variance 20 is not below max_variance 20"):
        NoiseSettings(min_variance=20)
    with pytest.raises(ValidationError, match="max_varience"):
        NoiseSettings(max_varience=3)


@pytest.mark.data
@pytest.mark.parametrize("stride", [64, 32])
def test_the_bank_has_the_camera_s_standard_deviation(shared_data, stride):
    """As injected: crops of 32, zero-mean per channel; truth at the bank's mean brightness."""
    folder = shared_data / "phone_x2" / "source"
    options = NoiseSettings(patch=64, stride=stride)
    photos = [read_image(folder / name) for name in find_files(folder).images]
    bank = np.concatenate([patches(one, mine(one, options), 64) for one in photos])
    corners = [(row, col) for row in (0, 32) for col in (0, 32)]
    crops = [zero_mean(patch[r : r + 32, c : c + 32]) for patch in bank for r, c in corners]
    deviation = 255 * np.sqrt(np.mean(np.square(crops)))
    truth = np.sqrt(0.06 * bank.mean() + 6.0)
    assert len(bank) >= 10
    assert deviation == pytest.approx(truth, rel=0.15)


def test_merge_keeps_order():
    a = mine(photo(np.full((64, 128), 60.0), 3), NoiseSettings(patch=64))
    b = mine(photo(np.full((64, 64), 90.0), 3), NoiseSettings(patch=64))
    together = merge([a, b])
    assert len(together) == 3 and together.mean[2, 0] > 80
