"""The largest difference of two sets of patches is named first."""

import cv2
import numpy as np
import pytest

from degrade.fidelity.statistics import PatchSet, all_statistics, crop_tiles, differences
from degrade.randomness import stream

WHITE = np.zeros((9, 9))
WHITE[4, 4] = 1


def pool(seed, change=lambda patch: patch):
    """Smooth shapes and grain, changed as asked; 4 photos of 60 patches."""
    rng = np.random.default_rng(seed)
    shapes = rng.normal(0, 400, (4, 60, 32, 32, 3))
    made = np.empty(shapes.shape, np.uint8)
    for place in np.ndindex(4, 60):
        clean = 120 + cv2.GaussianBlur(shapes[place].mean(-1), (0, 0), 4)[..., None]
        noisy = clean.repeat(3, 2) + rng.normal(0, 3, (32, 32, 3))
        made[place] = np.clip(change(noisy), 0, 255)
    return PatchSet(made, rng.integers(0, 200, (4, 60, 2)))


@pytest.fixture(scope="module")
def real():
    return pool(0)


def ratios(real, change):
    found = differences(real, pool(1, change), all_statistics(WHITE))
    assert [d.ratio for d in found] == sorted((d.ratio for d in found), reverse=True)
    return {d.name: d.ratio for d in found}


def test_equal_kinds_differ_by_chance(real):
    found = ratios(real, lambda patch: patch)
    assert len(found) == 7 and max(found.values()) < 4


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("colour", lambda patch: patch + 40),
        ("spectrum", lambda patch: cv2.GaussianBlur(patch, (0, 0), 0.7)),
        ("noise autocorrelation", lambda patch: cv2.GaussianBlur(patch, (0, 0), 0.7)),
        ("channel correlation", lambda patch: patch.mean(-1, keepdims=True).repeat(3, 2)),
        (
            "noise variance by brightness",
            lambda patch: patch + np.random.default_rng(9).normal(0, 4, patch.shape),
        ),
    ],
)
def test_what_was_changed_is_seen(real, name, change):
    assert ratios(real, change)[name] > 5


def test_jpeg_is_seen_in_its_grid(real):
    def blocks(patches):
        for patch, corner in zip(
            patches.pixels.reshape(-1, 32, 32, 3), patches.corners.reshape(-1, 2), strict=True
        ):
            columns = (np.arange(32) + corner[1]) // 8 % 2 * 12
            patch[:] = np.clip(patch.astype(int) + columns[None, :, None], 0, 255)
        return patches

    found = differences(real, blocks(pool(1)), all_statistics(WHITE))
    assert {d.name: d.ratio for d in found}["JPEG grid"] > 5


def test_patches_are_cut_where_they_say():
    tile = np.random.default_rng(0).random((48, 48, 3), np.float32)
    origins = np.array([[100, 200]])
    cut = crop_tiles([tile], origins, 0.0, 32, 5, stream(0, "a"), None)
    for patch, (row, col) in zip(cut.pixels, cut.corners - origins, strict=True):
        assert 4 <= row <= 12 and 4 <= col <= 12, "tiles' own borders are left out"
        wanted = np.floor(tile[row : row + 32, col : col + 32] * 255 + 0.5)
        np.testing.assert_array_equal(patch, wanted)
