"""Clusters of blurs: cameras that differ are separated, one camera is never split."""

import numpy as np
import pytest

from degrade.arrays import F64
from degrade.kernels.clusters import FEWEST, clusters
from degrade.kernels.spectral import Blur

VARIANCE = np.array([0.004, 0.002, 0.002, 0.0])


def photos_of(
    mean: tuple[float, float, float], count: int, seed: int, spread: float = 0.05
) -> list[Blur]:
    """Draw the blurs of a camera's photos: they really differ by ``spread``, and are measured."""
    rng = np.random.default_rng(seed)
    truth = np.array(mean) + rng.normal(0, spread, (count, 3))
    seen = truth + rng.normal(0, 2 * np.sqrt(VARIANCE[:3]), (count, 3))
    return [Blur(np.append(values, 0.0), VARIANCE) for values in seen]


@pytest.mark.parametrize("count", [1, 2, 3, 6, 12, 40])
@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_one_camera_is_not_split(count: int, spread: float) -> None:
    for seed in range(3):
        blurs = photos_of((-1.0, 0.1, 0.0), count, seed, spread)
        assert not clusters(blurs).any()
        folders = np.random.default_rng(seed).integers(3, size=count).tolist()
        assert not clusters(blurs, folders).any()


def test_a_heavy_tail_and_a_skew_are_no_second_camera() -> None:
    rng = np.random.default_rng(0)
    for scatter in (rng.standard_t(3, (40, 3)) * 0.15, rng.exponential(0.3, (40, 3))):
        blurs = [Blur(np.append(row - 1, 0.0), VARIANCE) for row in scatter]
        assert not clusters(blurs).any()


@pytest.mark.parametrize("counts", [(8, 8), (20, 5), (40, 40)])
def test_two_cameras_are_separated_photo_by_photo(counts: tuple[int, int]) -> None:
    for seed in range(2):
        narrow = photos_of((-1.4, 0.0, 0.1), counts[0], seed)
        wide = photos_of((0.4, 0.2, 0.0), counts[1], seed + 100)
        assert clusters(narrow + wide).tolist() == [0] * counts[0] + [1] * counts[1]
        assert clusters(wide + narrow).tolist() == [1] * counts[1] + [0] * counts[0]


def test_three_cameras_are_separated() -> None:
    means = ((-3.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (1.0, 0.0, 0.0))
    blurs = [blur for n, mean in enumerate(means) for blur in photos_of(mean, 16, n)]
    assert clusters(blurs).tolist() == [0] * 16 + [1] * 16 + [2] * 16


def test_cameras_that_scatter_less_than_they_claim_are_separated() -> None:
    sure = np.array([0.05, 0.02, 0.02, 0.0])
    rng = np.random.default_rng(0)

    def camera(mean: float) -> list[Blur]:
        seen: F64 = np.array([mean, 0, 0, 0]) + rng.normal(0, 0.02, (8, 4))
        return [Blur(values, sure) for values in seen]

    assert clusters(camera(0.1) + camera(1.25)).tolist() == [0] * 8 + [1] * 8


def test_photos_of_a_folder_stay_together_and_are_separated_sooner() -> None:
    near, far = photos_of((-1.0, 0.0, 0.0), 12, 0), photos_of((-0.55, 0.0, 0.0), 12, 1)
    folders = [n % 2 for n in range(12)] + [2 + n % 2 for n in range(12)]
    found = clusters(near + far, folders)
    assert found.tolist() == [0] * 12 + [1] * 12
    mixed = clusters(near + far, [n % 2 for n in range(24)])
    assert not mixed.any()


def test_a_stray_photo_or_two_make_no_camera() -> None:
    for strays in range(1, FEWEST):
        blurs = photos_of((-1.0, 0.0, 0.0), 20, 0) + photos_of((1.0, 0.0, 0.0), strays, 1)
        assert not clusters(blurs).any()


def test_blurs_whose_pooling_does_no_harm_are_not_split() -> None:
    sure = np.full(4, 1e-6)
    blurs = [Blur(np.array([m, 0, 0, 0.0]), sure) for m in [0.0] * 20 + [0.08] * 20]
    assert not clusters(blurs).any()


def test_nothing_is_no_cluster() -> None:
    assert clusters([]).tolist() == []
