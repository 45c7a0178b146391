"""The camera by EXIF, and which photos it says one camera took."""

import io
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags
from PIL import Image as Pillow

from degrade.images.exif import (
    FEWEST,
    UNKNOWN,
    TakenWith,
    camera_groups,
    sensitivity_ranges,
    taken_with,
)
from degrade.images.source_record import check_file
from tests.photos import make_photo

PHONE = {
    "Make": "Apple",
    "Model": "iPhone 13 Pro",
    "LensModel": "iPhone 13 Pro back triple camera 5.7mm f/1.5",
    "FocalLength": 5.7,
    "FocalLengthIn35mmFilm": 26,
    "ISOSpeedRatings": 640,
}


def exif_of(**fields: object) -> Pillow.Exif:
    """Return EXIF data with fields by name, each in its directory, as read back from a file."""
    exif = Pillow.Exif()
    for name, value in fields.items():
        tag = ExifTags.Base[name]
        directory = exif if name in ("Make", "Model") else exif.get_ifd(ExifTags.IFD.Exif)
        directory[tag] = value
    read = Pillow.Exif()
    read.load(exif.tobytes())
    return read


def test_everything_that_identifies_a_camera_is_read() -> None:
    assert taken_with(exif_of(**PHONE)) == TakenWith(
        "Apple iPhone 13 Pro", PHONE["LensModel"], 26.0, 640
    )
    assert taken_with(Pillow.Exif()) == UNKNOWN


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
def test_it_is_read_by_a_check_of_every_format(suffix: str, tmp_path: Path) -> None:
    exif = exif_of(**PHONE)
    Pillow.fromarray(make_photo(0)).save(tmp_path / f"a.{suffix}", exif=exif)
    found = check_file(tmp_path, f"a.{suffix}").taken_with
    assert (found.camera, found.focal, found.iso) == ("Apple iPhone 13 Pro", 26.0, 640)


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("NIKON CORPORATION", "NIKON D750 ", "NIKON D750"),
        ("samsung", "SM-G991B", "samsung SM-G991B"),
        ("Maker\0\n", "", "Maker"),
        ("", "X100", "X100"),
        ("", "", ""),
    ],
)
def test_a_camera_is_named_once_on_one_line(make: str, model: str, camera: str) -> None:
    assert taken_with(exif_of(Make=make, Model=model)).camera == camera


def test_without_an_equivalent_the_focal_length_counts_with_its_digital_zoom() -> None:
    assert taken_with(exif_of(FocalLength=5.7)).focal == 5.7
    assert taken_with(exif_of(FocalLength=5.7, DigitalZoomRatio=2.0)).focal == 11.4
    assert taken_with(exif_of(FocalLength=0.0, DigitalZoomRatio=2.0)).focal == 0


def test_odd_values_count_as_unknown() -> None:
    class Odd(dict[int, object]):
        def get_ifd(self, tag: int) -> dict[int, object]:
            return {
                ExifTags.Base.FocalLength: "wide",
                ExifTags.Base.FocalLengthIn35mmFilm: float("nan"),
                ExifTags.Base.ISOSpeedRatings: (),
                ExifTags.Base.LensModel: None,
            }

    assert taken_with(cast(Pillow.Exif, Odd())) == UNKNOWN
    junk = Pillow.Exif()
    junk.load(io.BytesIO(b"Exif\0\0II*\0\x08\0\0\0\xff\xff").getvalue())
    assert taken_with(junk) == UNKNOWN


def test_a_name_says_no_more_than_distinguishes_groups() -> None:
    one = TakenWith("A", "wide", 26)
    assert camera_groups([one, one]) == ["A", "A"]
    assert camera_groups([one, TakenWith("B", "wide", 26)]) == ["A", "B"]
    assert camera_groups([one, TakenWith("A", "", 26)]) == ["A, wide", "A, unknown lens"]
    assert camera_groups([one, TakenWith("A", "wide", 52)]) == ["A, 26 mm", "A, 52 mm"]
    assert camera_groups([one, UNKNOWN, TakenWith(lens="wide", focal=26)]) == ["A", "", ""]


def test_a_zoom_is_one_group_and_a_phones_crop_another() -> None:
    zoom = [TakenWith("A", "zoom", focal) for focal in (24, 26, 28, 30, 33, 36, 39, 70)]
    names = camera_groups(zoom)
    assert names == ["A, 24-39 mm"] * 7 + ["A, 70 mm"]
    unknown = camera_groups([TakenWith("A", "zoom", 0), TakenWith("A", "zoom", 50)])
    assert unknown == ["A, unknown focal length", "A, 50 mm"]


def test_sensitivity_makes_no_groups_nor_does_the_order_of_photos() -> None:
    photos = [TakenWith(c, "l", f, iso) for c in "AB" for f in (13, 26) for iso in (50, 3200)]
    names = camera_groups(photos)
    assert len(set(names)) == 4
    assert camera_groups(photos[::-1]) == names[::-1]


@pytest.mark.parametrize(
    ("photos", "ranges"),
    [
        ([100] * 3 + [800] * 3, ["ISO 100"] * 3 + ["ISO 800"] * 3),
        ([100, 125, 140, 1600, 800, 800, 640], ["ISO 100-140"] * 3 + ["ISO 640-1600"] * 4),
        ([100] * 3 + [800] * 3 + [0], ["ISO 100"] * 3 + ["ISO 800"] * 3 + ["ISO 100"]),
        ([100] * 3 + [800] * 4 + [0], ["ISO 100"] * 3 + ["ISO 800"] * 5),
        ([100, 800] * 3 + [0] * 3, ["ISO 100", "ISO 800"] * 3 + ["unknown ISO"] * 3),
    ],
)
def test_sensitivities_are_told_apart_by_stops(photos: list[int], ranges: list[str]) -> None:
    assert sensitivity_ranges(photos) == ranges


@pytest.mark.parametrize(
    "photos",
    [[], [100], [100, 3200], [0] * 9, [100] * 9, [100] * 3 + [0] * 9, [25, 100, 400, 1600]],
)
def test_one_range_has_no_name(photos: list[int]) -> None:
    assert sensitivity_ranges(photos) == [""] * len(photos)


@given(st.lists(st.integers(0, 2**31 - 1) | st.sampled_from((50, 100, 400, 3200))))
def test_a_range_holds_a_few_photos_and_the_order_does_not_matter(photos: list[int]) -> None:
    names = sensitivity_ranges(photos)
    assert sensitivity_ranges(photos[::-1]) == names[::-1]
    assert "" not in names or set(names) == {""}
    assert all(names.count(name) >= FEWEST for name in set(names) - {""})
