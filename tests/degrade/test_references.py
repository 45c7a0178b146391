"""References: what matches, what counts as similar, and what would leak."""

import cv2
import numpy as np
import pytest

from degrade.arrays import U8
from degrade.randomness import stream
from degrade.references import (
    TilePlaces,
    global_descriptors,
    leaks,
    local_features,
    most_similar,
    thumbnail,
    verified_matches,
    visual_words,
)


def scene(seed: int, side: int = 192) -> U8:
    """Return a busy picture of its own: coloured discs and bars of many sizes."""
    draw = stream(seed, "scene")
    picture = np.full((side, side, 3), 128, np.uint8)
    for _ in range(160):
        x, y, size = (int(v) for v in draw.integers([0, 0, 3], [side, side, 18]))
        colour = tuple(int(v) for v in draw.integers(0, 256, 3))
        if draw.random() < 0.5:
            cv2.circle(picture, (x, y), size, colour, -1)
        else:
            cv2.rectangle(picture, (x, y), (x + 2 * size, y + size), colour, -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.uint8)


def rotated(picture: U8, degrees: float, scale: float) -> U8:
    side = picture.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, scale)
    moved = cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.uint8)


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1.0), (15, 1.0), (0, 1.3), (90, 0.8)])
def test_the_same_scene_matches_however_it_is_seen(degrees: float, scale: float) -> None:
    seen = rotated(scene(1), degrees, scale)
    assert verified_matches(local_features(scene(1), 256), local_features(seen, 256)) >= 30


def test_other_scenes_and_plain_tiles_do_not_match() -> None:
    features = [local_features(scene(seed), 256) for seed in range(6)]
    assert max(verified_matches(features[0], other) for other in features[1:]) < 15
    plain = local_features(np.full((64, 64, 3), 90, np.uint8), 256)
    assert len(plain.points) == 0 and verified_matches(plain, features[0]) == 0


def test_a_features_limit_holds() -> None:
    assert len(local_features(scene(1), 40).points) == 40


def test_the_same_scene_is_the_most_similar_of_many() -> None:
    tiles = [scene(seed) for seed in range(20)] + [rotated(scene(7), 20, 1.2)]
    words = [visual_words(local_features(tile, 256).descriptors) for tile in tiles]
    descriptors = global_descriptors(words, np.stack([thumbnail(tile) for tile in tiles]))
    similarity = (descriptors[20] @ descriptors.T).toarray()[0]
    assert similarity[20] == pytest.approx(1, abs=1e-5)
    assert most_similar(similarity, np.arange(21) == 20, 3)[0] == 7


def test_tiles_without_features_have_their_colours_alone() -> None:
    """A tile of sky is compared by its thumbnail, and no division by zero disturbs the others."""
    ramp = np.tile(np.arange(64, dtype=np.uint8)[None, :, None], (64, 1, 3))
    tiles = [ramp, np.ascontiguousarray(ramp[:, ::-1]), np.full((64, 64, 3), 9, np.uint8)]
    words = [visual_words(np.zeros((0, 128), np.uint8)) for _ in tiles]
    found = global_descriptors(words, np.stack([thumbnail(tile) for tile in tiles]))
    product = (found @ found.T).toarray()
    assert np.isfinite(product).all()
    assert product[0, 0] == pytest.approx(0.25, abs=1e-4) and product[0, 1] < -0.2
    assert product[2, 2] == 0


def test_leaks() -> None:
    """Own tile, overlap, other version of the photo, same pixels, held-out photo; nothing else."""
    places = TilePlaces(
        photo=np.array([0, 0, 0, 0, 1, 2, 3]),
        version=np.array([0, 0, 0, 9, 1, 2, 3]),
        row=np.array([0, 31, 32, 500, 0, 0, 0]),
        col=np.array([0, 31, 0, 500, 0, 0, 0]),
        valid=np.array([False, False, False, False, False, False, True]),
        pixels=np.array([1, 2, 3, 4, 1, 6, 7], np.uint64),
        side=32,
    )
    assert leaks(places, 0).tolist() == [True, True, False, True, True, False, True]
    assert leaks(places, 6).tolist() == [False] * 6 + [True]
    assert most_similar(np.ones(7, np.float32), leaks(places, 0), 5).tolist() == [2, 5]
