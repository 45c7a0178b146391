"""What a filter that is learnt on pairs gains on photos."""

import cv2
import numpy as np
import pytest

from degrade.arrays import U8
from degrade.fidelity.expected_gain import SIDE, Crop, expected_gain, learnt_filter
from degrade.images.resize import bicubic
from degrade.randomness import stream


def crops(
    scale: int, blur: float, noise: float, seeds: range = range(6), side: int = 36
) -> list[Crop]:
    """Return blurred, sampled and noisy LR of patches of all sizes, and the HR."""
    found = []
    for seed in seeds:
        rng = stream(seed, "crop")
        hr = np.full((scale * side, scale * side, 3), 128, np.uint8)
        for _ in range(60):
            row, col = rng.integers(0, scale * side, 2)
            height, width = rng.integers(2, 9 * scale, 2)
            hr[row : row + height, col : col + width] = rng.integers(20, 235, 3)
        soft = cv2.GaussianBlur(hr.astype(np.float32), (0, 0), blur)
        cells = soft.reshape(side, scale, side, scale, 3).mean((1, 3))
        lr = cells + noise * rng.standard_normal(cells.shape)
        found.append((np.asarray(np.clip(np.round(lr), 0, 255), np.uint8), hr))
    return found


def gain(pairs: list[Crop], photos: list[Crop], scale: int = 2) -> float:
    return expected_gain(learnt_filter(pairs, scale), photos, scale)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_what_the_camera_took_teaches_best(scale: int) -> None:
    photos = crops(scale, 1.2, 3.0)
    own = gain(photos, photos, scale)
    assert own > 0.3
    for blur, noise in ((0.4, 3.0), (2.0, 3.0), (1.2, 0.0), (1.2, 12.0)):
        assert gain(crops(scale, blur, noise), photos, scale) < own


def test_other_scenes_by_the_camera_teach_nearly_as_much() -> None:
    photos, others = crops(2, 1.2, 3.0), crops(2, 1.2, 3.0, range(20, 40))
    assert 0.6 * gain(photos, photos) < gain(others, photos) < gain(photos, photos)


def test_pairs_without_the_photos_noise_are_worse_than_bicubic() -> None:
    """They teach to strengthen it."""
    assert gain(crops(2, 1.5, 0.0), crops(2, 1.5, 10.0)) < -1


def test_where_bicubic_leaves_nothing_there_is_nothing_to_learn() -> None:
    upsampled = [(lr, bicubic(lr, 2)) for lr, _ in crops(2, 1.2, 3.0)]
    assert np.abs(learnt_filter(upsampled, 2)).max() < 1e-5
    assert gain(upsampled, upsampled) == 0


def test_windows_stay_inside_a_crop() -> None:
    """What lies nearer to the edge than a window reaches is not judged."""
    photos = crops(2, 1.2, 3.0, range(1), side=SIDE + 1)
    lr, hr = photos[0]
    other: U8 = hr.copy()
    beyond = 2 * (SIDE // 2)
    other[:beyond], other[-beyond:], other[:, :beyond], other[:, -beyond:] = 0, 0, 0, 0
    learnt = learnt_filter(crops(2, 1.2, 3.0), 2)
    assert learnt.shape == (SIDE**2, 4)
    assert expected_gain(learnt, [(lr, other)], 2) == expected_gain(learnt, photos, 2)
