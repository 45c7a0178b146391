import numpy as np
import pytest

from degrade.errors import SettingsError
from degrade.noise.injection import inject, zero_mean
from degrade.randomness import stream

PATCH = np.random.default_rng(0).integers(90, 110, (64, 64, 3), dtype=np.uint8)


def test_a_crop_has_zero_mean_per_channel():
    centred = zero_mean(PATCH[:32, 5:37] + np.array([0, 40, 90], np.uint8))
    assert centred.dtype == np.float32
    np.testing.assert_allclose(centred.mean((0, 1)), 0, atol=1e-7)
    np.testing.assert_allclose(centred.std() * 255, PATCH.std(), rtol=0.05)


def test_injection_keeps_the_mean_and_adds_the_crop():
    lr = np.full((32, 24, 3), 0.5, np.float32)
    noisy = inject(lr, PATCH, stream(1, "a"))
    assert noisy.dtype == np.float32 and noisy.shape == lr.shape
    np.testing.assert_allclose(noisy.mean((0, 1), dtype=float), 0.5, atol=1e-6)
    places = [(row, col) for row in range(33) for col in range(41)]
    crops = (zero_mean(PATCH[r : r + 32, c : c + 24]) for r, c in places)
    assert any(np.allclose(noisy - 0.5, crop, atol=1e-6) for crop in crops)


def test_injection_clips_and_leaves_its_input_alone():
    lr = np.zeros((64, 64, 3), np.float32)
    noisy = inject(lr, PATCH, stream(1, "a"))
    assert noisy.min() == 0 and noisy.max() > 0 and not lr.any()


def test_equal_streams_give_equal_noise_and_others_do_not():
    lr = np.full((16, 16, 3), 0.5, np.float32)
    first, again, other = (inject(lr, PATCH, stream(1, name)) for name in "aab")
    assert (first == again).all() and (first != other).any()


def test_a_patch_smaller_than_lr_is_refused_with_the_remedy():
    with pytest.raises(SettingsError) as caught:
        inject(np.zeros((96, 80, 3), np.float32), PATCH, stream(1, "a"))
    assert str(caught.value) == (
        "noise patch of 64x64 pixels is smaller than the LR image of 80x96; mine larger patches "
        "(--patch 96), or train on smaller crops"
    )
