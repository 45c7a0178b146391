"""Near duplicates: copies are found, distinct photos are not taken for copies."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from degrade.arrays import U8, Image
from degrade.images.decode import read_image
from degrade.images.near_duplicates import near_duplicates, thumbnail
from tests.photos import make_photo

Copies = Callable[[U8], Iterator[U8]]


def saved(photo: U8, quality: int) -> U8:
    file = io.BytesIO()
    Pillow.fromarray(photo).save(file, "JPEG", quality=quality)
    return np.asarray(Pillow.open(file))


def resized(photo: U8, factor: float) -> U8:
    return np.asarray(cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def cropped(photo: U8, top: float, bottom: float, left: float, right: float) -> U8:
    height, width = photo.shape[:2]
    rows = slice(round(top * height), height - round(bottom * height))
    return photo[rows, round(left * width) : width - round(right * width)]


def random_crops(photo: U8) -> Iterator[U8]:
    rng = np.random.default_rng(0)
    return (cropped(photo, *rng.uniform(0, 0.05, 4)) for _ in range(8))


COPIES: dict[str, Copies] = {
    "saved": lambda photo: (saved(photo, quality) for quality in (60, 75, 85, 95)),
    "resized": lambda photo: (resized(photo, factor) for factor in (0.5, 0.6, 0.7, 0.8, 0.9)),
    "cropped": random_crops,
    "cropped on one side": lambda photo: (cropped(photo, *sides) for sides in np.eye(4) * 0.05),
    "cropped on every side": lambda photo: iter([cropped(photo, 0.05, 0.05, 0.05, 0.05)]),
    "cropped, halved and saved": lambda photo: (
        saved(resized(crop, 0.5), 60) for crop in random_crops(photo)
    ),
}


def found(photos: list[U8], copies: Copies) -> float:
    """Return the share of copies that are grouped with their photo and with no other."""
    originals = [thumbnail(photo) for photo in photos]
    rows = [(n, thumbnail(copy)) for n, photo in enumerate(photos) for copy in copies(photo)]
    groups = [near_duplicates(np.stack([*originals, small])) for _, small in rows]
    assert all(set(group[:-1]) == set(range(len(photos))) for group in groups)
    assert all(group[-1] in (n, len(photos)) for group, (n, _) in zip(groups, rows, strict=True))
    return float(np.mean([group[-1] == n for group, (n, _) in zip(groups, rows, strict=True)]))


@pytest.mark.parametrize("kind", COPIES)
def test_copies_are_found_and_others_are_not(kind: str) -> None:
    photos = [make_photo(seed, 240, 320) for seed in range(8)]
    assert found(photos, COPIES[kind]) >= 0.95


@pytest.fixture(scope="module")
def real_photos(shared_data: Path) -> list[U8]:
    """Every second one of the measuring scenes and clean photos."""
    files = [file for folder in ("scenes", "clean") for file in (shared_data / folder).iterdir()]
    return [np.asarray(read_image(file), np.uint8) for file in sorted(files)[::2]]


@pytest.mark.data
@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_real_photos_are_found(kind: str, real_photos: list[U8]) -> None:
    assert len(real_photos) == 22
    share = found(real_photos, COPIES[kind])
    print(f"{kind}: {share:.1%} found")
    assert share >= 0.95


def test_groups_do_not_depend_on_the_order() -> None:
    photos = [make_photo(seed, 96, 128) for seed in range(4)]
    small = np.stack([thumbnail(cropped(p, 0.02 * n, 0, 0, 0)) for p in photos for n in range(3)])
    assert near_duplicates(small).tolist() == [0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9]
    order = np.random.default_rng(0).permutation(12)
    shuffled = near_duplicates(small[order])
    groups = {frozenset(order[shuffled == lead].tolist()) for lead in shuffled}
    assert groups == {frozenset(range(n, n + 3)) for n in (0, 3, 6, 9)}


def test_what_is_like_either_of_two_joins_them() -> None:
    wide = make_photo(0, 400, 400)
    views = [wide[:, start : start + 320] for start in (0, 16, 32, 48)]
    assert near_duplicates(np.stack([thumbnail(view) for view in views])).tolist() == [0] * 4


def test_more_photos_than_are_compared_at_once() -> None:
    small = np.stack([thumbnail(make_photo(seed, 48, 64)) for seed in range(300)])
    groups = near_duplicates(np.concatenate([small, small[::-1]]))
    assert groups.tolist() == [*range(300), *reversed(range(300))]


@pytest.mark.parametrize(
    "flat",
    [
        np.zeros((64, 64, 3), np.uint8),
        np.full((64, 64, 3), 255, np.uint8),
        np.tile(np.linspace(0, 255, 64).astype(np.uint8)[:, None, None], (1, 64, 3)),
    ],
    ids=["black", "white", "ramp"],
)
def test_photos_without_structure_are_duplicates_of_none(flat: U8) -> None:
    assert near_duplicates(np.stack([thumbnail(flat)] * 2)).tolist() == [0, 1]


def test_none_at_all() -> None:
    assert near_duplicates(np.zeros((0, 32, 32), np.uint8)).tolist() == []


def test_deep_photos_are_like_their_8_bit_copies() -> None:
    photo = make_photo(0)
    deep: Image = photo.astype(np.float32) / 255
    assert np.array_equal(thumbnail(deep), thumbnail(photo))
