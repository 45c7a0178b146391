"""Colours that a file marks: profiles by their numbers, code points, and what is taken as sRGB."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from degrade.errors import ImageRefused
from degrade.images import icc
from degrade.images.decode import DecodePolicy, decode, decode_with_notes
from degrade.images.rgb_space import BAND, rgb_pixels, space_of, srgb_encoded, srgb_linear
from tests.degrade.images.samples import (
    ADOBE,
    P3,
    PROPHOTO,
    SRGB,
    chunk,
    encoded,
    gamma_curve,
    icc_chunk,
    matrix_profile,
    numbers,
    parametric_curve,
    profile,
    sixteen_bit_png,
    smooth_photo,
    srgb_curve,
)

PHOTO = smooth_photo()
LIKE_SRGB = parametric_curve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
WIDE = {
    "P3, a table": matrix_profile("DCI-P3 D65 Gamut with sRGB Transfer", P3, srgb_curve()),
    "P3, parametric": matrix_profile("sRGB EOTF with DCI-P3 Color Gamut", P3, LIKE_SRGB),
    "ProPhoto": matrix_profile("ProPhoto RGB", PROPHOTO, gamma_curve(1.8)),
    "Adobe RGB": matrix_profile("Adobe RGB (1998)", ADOBE, gamma_curve(2.2)),
    "linear": matrix_profile("sRGB-elle-V2-g10.icc", SRGB, gamma_curve(1)),
    "no curve": matrix_profile("sRGB", SRGB, b"curv" + bytes(8)),
    "kind 1": matrix_profile("one", P3, parametric_curve(1, 2.2, 0.9, 0.1)),
    "kind 2": matrix_profile("two", P3, parametric_curve(2, 2.2, 0.9, 0.05, 0.01)),
    "kind 4": matrix_profile("four", P3, parametric_curve(4, 2.4, 0.9, 0.05, 0.07, 0.05, 0.01, 0)),
}


def by_littlecms(pixels: np.ndarray, icc_profile: bytes) -> np.ndarray:
    source = ImageCms.ImageCmsProfile(BytesIO(icc_profile))
    done = ImageCms.profileToProfile(
        Image.fromarray(pixels),
        source,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    )
    return np.asarray(done)


def note_of(data: bytes, name: str = "a.png") -> str:
    (note,) = decode_with_notes(data, name).notes
    return note


@pytest.mark.parametrize("name", WIDE)
def test_a_profile_of_primaries_and_curves_is_converted_as_littlecms_does(name: str) -> None:
    decoded = decode_with_notes(encoded(PHOTO, "PNG", icc_profile=WIDE[name]), "a.png")
    expected = by_littlecms(PHOTO, WIDE[name])
    assert np.abs(decoded.pixels.astype(int) - expected).max() <= 2
    assert np.abs(decoded.pixels.astype(int) - expected).mean() < 0.3
    assert decoded.notes[0].startswith(
        f"converted from ICC profile ({icc.description(WIDE[name])})"
    )


@pytest.mark.parametrize("name", WIDE)
def test_sixteen_bits_are_converted_deep(name: str) -> None:
    deep = PHOTO.astype(np.uint16) * 257
    deep[0, :2] = (3, 1000, 40000), (40001, 41000, 43000)
    pixels = decode(sixteen_bit_png(deep, icc_chunk(WIDE[name])), "a.png")
    assert pixels.dtype == np.float32
    space = icc.space_of(WIDE[name])
    assert space is not None
    linear = np.stack([space.curves[c](deep[..., c] / 65535) for c in range(3)], -1)
    expected = srgb_encoded(np.clip(linear @ space.matrix.T, 0, 1))
    assert np.abs(pixels - expected).max() < 2 / 65535
    eight = decode(encoded(PHOTO, "PNG", icc_profile=WIDE[name]), "a.png")
    assert np.abs(255 * pixels[1:] - eight[1:]).max() <= 0.53


def test_phones_that_call_p3_srgb_are_read_as_p3() -> None:
    red = np.full((8, 8, 3), (230, 40, 30), np.uint8)
    seen = {}
    for name in ("Display P3", "DCI-P3 D65 Gamut with sRGB Transfer"):
        data = encoded(red, "PNG", icc_profile=matrix_profile(name, P3, srgb_curve()))
        seen[name] = decode(data, "a.png")[0, 0].tolist()
    assert seen["Display P3"] == seen["DCI-P3 D65 Gamut with sRGB Transfer"]
    red_out, green_out, blue_out = seen["Display P3"]
    assert red_out >= 250 and green_out == 0 and blue_out <= 5


def test_srgb_by_any_name_and_form_is_left_alone() -> None:
    built_in = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    table = matrix_profile("Camera colours", SRGB, srgb_curve())
    for one in (built_in, table, matrix_profile("c2", SRGB, LIKE_SRGB)):
        kept = decode_with_notes(encoded(PHOTO, "PNG", icc_profile=one), "a.png")
        np.testing.assert_array_equal(kept.pixels, PHOTO)
        assert kept.notes == ()


def test_the_share_of_clipped_colours_is_said() -> None:
    pixels = np.full((10, 10, 3), 128, np.uint8)
    pixels[0, :3] = 255, 0, 0
    data = encoded(pixels, "PNG", icc_profile=WIDE["P3, a table"])
    assert note_of(data).endswith("to sRGB; 3.0 % of its pixels are beyond sRGB and clipped")
    pixels[0, :3] = 128
    data = encoded(pixels, "PNG", icc_profile=WIDE["P3, a table"])
    assert note_of(data).endswith(" to sRGB")
    np.testing.assert_array_equal(decode(data, "a.png"), pixels)  # gray stays gray


def test_gray_profiles() -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    linear = profile("Linear gray", {b"kTRC": gamma_curve(1)}, b"GRAY")
    decoded = decode_with_notes(encoded(gray, "PNG", icc_profile=linear), "a.png")
    expected = np.rint(255 * srgb_encoded(gray / 255)).astype(int)
    assert np.abs(decoded.pixels - expected[..., None]).max() <= 1
    assert decoded.notes[-1] == "converted from ICC profile (Linear gray) to sRGB"
    like = profile("sGray", {b"kTRC": srgb_curve()}, b"GRAY")
    assert decode(encoded(gray, "PNG", icc_profile=like), "a.png")[..., 1].tolist() == gray.tolist()
    deep = gray.astype(np.uint16) * 257
    values = decode(encoded16_tiff(deep, linear), "a.tif")
    np.testing.assert_allclose(values[..., 0], srgb_encoded(gray / 255), atol=1e-4)
    reduce = DecodePolicy(sixteen_bit="reduce")
    reduced = decode(encoded16_tiff(deep, linear), "a.tif", reduce)
    assert np.abs(reduced - expected[..., None]).max() <= 1


def encoded16_tiff(values: np.ndarray, icc_profile: bytes) -> bytes:
    return encoded(Image.fromarray(values), "TIFF", icc_profile=icc_profile)


def test_a_profile_of_tables_is_for_eight_bits_alone() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    tables = matrix_profile("Scanner", P3, srgb_curve()).replace(b"wtpt", b"A2B0")
    for one in (lab, tables):
        data = sixteen_bit_png(PHOTO.astype(np.uint16) * 257, icc_chunk(one))
        with pytest.raises(ImageRefused) as refused:
            decode(data, "a.png")
        assert "an ICC profile of tables (" in refused.value.reason
        assert refused.value.reason.endswith("; pass --sixteen-bit reduce, or save it in sRGB")


@pytest.mark.parametrize("length", [0, 50, 131, 140, 300])
def test_damaged_profiles_leave_the_values(length: int) -> None:
    for bits in (8, 16):
        data = b"no profile"[:length] if length == 0 else WIDE["ProPhoto"][:length]
        data = data or b"x"
        photo = PHOTO.astype(np.uint16) * 257 if bits == 16 else PHOTO
        file = (
            sixteen_bit_png(photo, icc_chunk(data))
            if bits == 16
            else encoded(photo, "PNG", icc_profile=data)
        )
        try:
            decoded = decode_with_notes(file, "a.png")
        except ImageRefused as refused:
            assert "an ICC profile of tables" in refused.reason and length >= 40 and bits == 16
            continue
        assert "cannot be used; taken as sRGB" in decoded.notes[0]
        np.testing.assert_allclose(decoded.pixels, photo / (65535 if bits == 16 else 1), atol=1e-7)


def test_png_code_points_count_before_a_profile() -> None:
    deep = PHOTO.astype(np.uint16) * 257
    p3 = chunk(b"cICP", bytes((12, 13, 0, 1)))
    marked = decode(sixteen_bit_png(deep, p3), "a.png")
    both = decode_with_notes(sixteen_bit_png(deep, p3 + icc_chunk(WIDE["ProPhoto"])), "a.png")
    by_icc = decode(sixteen_bit_png(deep, icc_chunk(WIDE["P3, a table"])), "a.png")
    np.testing.assert_array_equal(marked, both.pixels)
    assert both.notes[0].startswith("converted from CICP 12/13, Display P3 to sRGB")
    assert np.abs(marked - by_icc).max() < 1 / 255
    plain = chunk(b"cICP", bytes((1, 13, 0, 1)))
    np.testing.assert_array_equal(
        decode(sixteen_bit_png(deep, plain), "a.png"), np.float32(deep) / 65535
    )


@pytest.mark.parametrize(("transfer", "said"), [(16, "is HDR (PQ)"), (18, "is HDR (HLG)")])
def test_hdr_is_refused(transfer: int, said: str) -> None:
    deep = PHOTO.astype(np.uint16) * 257
    tagged = profile("HDR", {b"cicp": b"cicp\0\0\0\0" + bytes((9, transfer, 0, 1))})
    for extra in (chunk(b"cICP", bytes((9, transfer, 0, 1))), icc_chunk(tagged)):
        with pytest.raises(ImageRefused) as refused:
            decode(sixteen_bit_png(deep, extra), "a.png")
        assert refused.value.reason == f"{said}: export it as SDR, such as an 8-bit JPEG"


def test_code_points_that_are_not_known_are_noted() -> None:
    deep = PHOTO.astype(np.uint16) * 257
    data = sixteen_bit_png(deep, chunk(b"cICP", bytes((10, 13, 0, 1))))
    assert note_of(data) == "its colours (CICP 10/13) are not known; taken as sRGB"


def test_primaries_by_code_points_are_those_of_profiles() -> None:
    for points, primaries in (((12, 13), P3), ((1, 13), SRGB)):
        space = space_of(points)
        same = icc.space_of(matrix_profile("x", primaries, srgb_curve()))
        assert space is not None and same is not None
        np.testing.assert_allclose(space.matrix, same.matrix, atol=2e-3)


def test_curves_are_each_others_inverse() -> None:
    steps = np.linspace(0, 1, 1000)
    np.testing.assert_allclose(srgb_encoded(srgb_linear(steps)), steps, atol=1e-5)


def test_numbers_of_profiles() -> None:
    assert numbers(1, -0.5) == b"\0\1\0\0\xff\xff\x80\0"


@pytest.mark.parametrize("height", [1, BAND - 1, BAND, BAND + 1, 2 * BAND, 2 * BAND + 3])
def test_pixels_taken_band_by_band_are_those_of_the_image(height: int) -> None:
    expected = np.random.default_rng(0).integers(0, 256, (height, 7, 3), dtype=np.uint8)
    found = rgb_pixels(Image.fromarray(expected))
    assert np.array_equal(found, expected)
    found[:] = 0  # the caller's own
