"""How far LR is from photos in what shows a camera."""

import cv2
import numpy as np
import pytest

from degrade.arrays import F64, U8
from degrade.camera.photo_statistics import SIDE
from degrade.camera.views import measure_photo
from degrade.fidelity.distance import distance
from degrade.randomness import stream


def photo(scene: int, blur: float, noise: float) -> U8:
    """Return a photo of patches of all sizes and brightnesses, one of which is large and flat."""
    rng = stream(scene, "scene")
    picture = np.full((200, 260, 3), rng.integers(90, 160, 3), np.float64)
    for _ in range(90):
        row, col = rng.integers(0, 200), rng.integers(70, 260)
        height, width = rng.integers(3, 40, 2)
        picture[row : row + height, col : col + width] = rng.integers(20, 235, 3)
    soft = cv2.GaussianBlur(picture, (0, 0), blur) + noise * rng.standard_normal(picture.shape)
    return np.asarray(np.clip(np.round(soft), 0, 255), np.uint8)


def patches(scenes: range, blur: float, noise: float) -> U8:
    """Return patches from anywhere in photos of scenes."""
    rng, cut = stream(0, "places"), []
    for scene in scenes:
        taken = photo(scene, blur, noise)
        for row, col in rng.integers((200 - SIDE, 260 - SIDE), size=(60, 2)):
            cut.append(taken[row : row + SIDE, col : col + SIDE])
    return np.stack(cut)


@pytest.fixture(scope="module")
def seen() -> tuple[F64, F64]:
    looks = [measure_photo(photo(scene, 0.6, 2.0), str(scene), 0) for scene in range(8)]
    shown, places = zip(*looks, strict=True)
    return np.stack(shown), np.stack(places)


def far(seen: tuple[F64, F64], lr: U8) -> float:
    return distance(*seen, lr, stream(0, "groups"))


def test_other_scenes_are_near_and_other_cameras_far(seen: tuple[F64, F64]) -> None:
    own, other = (far(seen, patches(scenes, 0.6, 2.0)) for scenes in (range(8), range(20, 28)))
    assert own < other < 1.5
    for blur, noise in ((1.1, 2.0), (0.6, 6.0), (0.6, 0.0)):
        assert far(seen, patches(range(20, 28), blur, noise)) > 2 * other


def test_the_distance_is_a_function_of_what_is_compared(seen: tuple[F64, F64]) -> None:
    lr = patches(range(20, 22), 0.6, 2.0)
    assert far(seen, lr) == far(seen, lr)
