"""Where crops are taken, and that they depend on photo, seed and key alone."""

import numpy as np
import pytest

from degrade.kernels.crops import crop_maps, draw_corners, gradient_map, shaved
from degrade.kernels.estimator_settings import KernelSettings
from tests.degrade.kernels.lanes import photo

SETTINGS = KernelSettings(iterations=200)


def corners(seed: int = 0, key: str = "a", settings: KernelSettings = SETTINGS):
    maps = crop_maps(photo(), settings)
    assert maps is not None
    return draw_corners(maps, settings, seed, key)


def test_shaving_leaves_even_sides() -> None:
    assert shaved(photo(0, 113, 120), SETTINGS).shape == (92, 100, 3)


def test_corners_are_even_and_inside() -> None:
    found = corners()
    for positions, size in ((found.generator, 64), (found.discriminator, 26)):
        assert positions.shape == (200, 2)
        assert (positions % 2 == 0).all() and (positions >= 0).all()
        assert (positions + size <= (92, 100)).all()


def test_draws_depend_on_seed_and_key_and_not_on_the_number_of_iterations() -> None:
    same, other_seed, other_key = corners(), corners(seed=1), corners(key="b")
    np.testing.assert_array_equal(corners().generator, same.generator)
    assert (other_seed.generator != same.generator).any()
    assert (other_key.discriminator != same.discriminator).any()
    longer = corners(settings=KernelSettings(iterations=300))
    np.testing.assert_array_equal(longer.discriminator[:200], same.discriminator)


def test_crops_follow_the_texture() -> None:
    picture = np.full((200, 200, 3), 0.5, np.float32)
    picture[120:160, 40:80] = np.random.default_rng(0).random((40, 40, 3))
    maps = crop_maps(picture, SETTINGS)
    assert maps is not None
    centres = draw_corners(maps, SETTINGS, 0, "x").discriminator + 13 + SETTINGS.shave
    assert ((centres > (105, 25)) & (centres < (175, 95))).all()


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_flat_pictures_and_ramps_have_no_map(slope: float) -> None:
    ramp = np.broadcast_to(np.arange(120, dtype=np.float32)[:, None] * slope, (120, 120))
    assert gradient_map(ramp).max() == 0
    assert crop_maps(np.repeat(ramp[..., None], 3, axis=2), SETTINGS) is None
