"""Decoding: every kind of file under every policy, with the texts of refusals."""

import struct
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps
from pydantic import ValidationError

from degrade.arrays import U8
from degrade.errors import ImageRefused
from degrade.images.decode import (
    DEFAULT_POLICY,
    DecodePolicy,
    decode,
    decode_with_notes,
    read_image,
)
from tests.degrade.images.samples import chunk, encoded, encoded16, png, smooth_photo

PHOTO = smooth_photo()
FORMATS = [
    ("a.png", "PNG", {}, 0),
    ("a.JPG", "JPEG", {"quality": 100, "subsampling": 0}, 4),
    ("a.jpeg", "JPEG", {"progressive": True, "quality": 100, "subsampling": 0}, 4),
    ("a.webp", "WEBP", {"lossless": True}, 0),
    ("a.tif", "TIFF", {}, 0),
    ("a.TIFF", "TIFF", {"compression": "tiff_lzw"}, 0),
    ("a.bmp", "BMP", {}, 0),
]


def refusal(data: bytes, policy: DecodePolicy = DEFAULT_POLICY, name: str = "a.png") -> str:
    with pytest.raises(ImageRefused) as refused:
        decode(data, name, policy)
    assert refused.value.name == name
    assert "\n" not in refused.value.reason
    return refused.value.reason


@pytest.mark.parametrize(("name", "form", "options", "tolerance"), FORMATS)
def test_plain_rgb(name: str, form: str, options: dict[str, object], tolerance: int) -> None:
    decoded = decode_with_notes(encoded(PHOTO, form, **options), name)
    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels.flags.c_contiguous
    assert decoded.notes == ()
    assert np.abs(decoded.pixels.astype(int) - PHOTO).max() <= tolerance


@pytest.mark.parametrize(("name", "form", "options", "tolerance"), FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.99])
def test_truncated(
    name: str, form: str, options: dict[str, object], tolerance: int, share: float
) -> None:
    data = encoded(PHOTO, form, **options)
    reason = refusal(data[: int(share * len(data))], name=name)
    assert "truncated or damaged" in reason or "damaged TIFF" in reason or "contains no" in reason


def test_zero_bytes_and_texts() -> None:
    assert refusal(b"") == "is empty (0 bytes)"
    assert refusal(b"hello, world") == (
        "contains no PNG, JPEG, WebP, TIFF, BMP, AVIF, HEIC, JPEG XL or raw image"
    )
    assert refusal(encoded(PHOTO, "GIF")) == "contains a GIF (convert it to PNG)"
    assert refusal(b"\0\0\0\x18ftypisom" + bytes(40)).startswith("contains a video, or a picture")


def test_one_flipped_bit_in_a_png_is_seen() -> None:
    data = bytearray(encoded(PHOTO, "PNG"))
    data[len(data) // 2] ^= 4
    assert refusal(bytes(data)).startswith("is truncated or damaged (")


def test_contents_count_and_not_the_suffix() -> None:
    decoded = decode_with_notes(encoded(PHOTO, "PNG"), "photo.jpg")
    np.testing.assert_array_equal(decoded.pixels, PHOTO)
    assert decoded.notes == ("contains PNG although it is named .jpg",)


def test_bombs_are_refused_by_their_header() -> None:
    reason = refusal(png(60000, 60000, b"\0"))
    assert reason.startswith("claims 60000x60000 pixels, more than the limit of 200000000 (crop")
    limit = DecodePolicy(max_pixels=64 * 48)
    assert decode(encoded(PHOTO, "PNG"), "a.png", limit).shape == (48, 64, 3)
    assert refusal(encoded(PHOTO, "PNG"), DecodePolicy(max_pixels=64 * 48 - 1)).startswith("claims")


def test_a_header_larger_than_pillows_own_limit_is_judged_by_ours() -> None:
    policy = DecodePolicy(max_pixels=10**10)
    assert refusal(png(60000, 60000, b"\0"), policy).startswith(("is truncated", "needs more mem"))


@pytest.mark.parametrize("mode", ["L", "1"])
def test_gray(mode: str) -> None:
    image = Image.fromarray(PHOTO).convert(mode)
    decoded = decode_with_notes(encoded(image, "PNG"), "a.png")
    expected = np.asarray(image.convert("L"))
    np.testing.assert_array_equal(decoded.pixels, np.stack([expected] * 3, axis=2))
    assert decoded.notes == ("gray, expanded to three equal channels",)
    reason = refusal(encoded(image, "PNG"), DecodePolicy(gray="refuse"))
    assert reason == "is gray (pass --gray expand to make three equal channels)"


def test_palette() -> None:
    image = Image.fromarray(PHOTO).quantize(16)
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(decode(encoded(image, "PNG"), "a.png"), expected)
    transparent = encoded(image, "PNG", transparency=int(np.asarray(image)[0, 0]))
    assert refusal(transparent).startswith("has an alpha channel")


def with_alpha(value: int) -> U8:
    rgba = np.dstack([PHOTO, np.full((48, 64), 255, np.uint8)])
    rgba[:24, :, 3] = value
    return rgba


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_alpha(form: str) -> None:
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    opaque = decode_with_notes(encoded(with_alpha(255), form, **options), f"a.{form}")
    np.testing.assert_array_equal(opaque.pixels, PHOTO)
    if form != "WEBP":  # its encoder drops an opaque channel
        assert "its alpha channel is opaque everywhere and was dropped" in opaque.notes
    data = encoded(with_alpha(51), form, **options)
    assert refusal(data) == (
        "has an alpha channel (pass --alpha white or --alpha black to composite it)"
    )
    for colour, behind in (("white", 255), ("black", 0)):
        pixels = decode(data, "a.png", DecodePolicy(alpha=colour))
        np.testing.assert_array_equal(pixels[24:], PHOTO[24:])
        np.testing.assert_allclose(pixels[:24], 0.2 * PHOTO[:24] + 0.8 * behind, atol=0.5001)


def test_cmyk() -> None:
    image = Image.fromarray(PHOTO).convert("CMYK")
    for form in ("JPEG", "TIFF"):
        data = encoded(image, form)
        assert refusal(data) == "is CMYK (pass --cmyk convert to convert it to RGB)"
        pixels = decode(data, "a.jpg", DecodePolicy(cmyk="convert"))
        assert np.abs(pixels.astype(int) - PHOTO).mean() < 4


SIXTEEN = np.random.default_rng(2).integers(0, 65536, (7, 5, 4), dtype=np.uint16)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_rgb_is_exact(suffix: str) -> None:
    data = encoded16(SIXTEEN[..., :3], suffix)
    pixels = decode(data, "a" + suffix)
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(np.rint(pixels * 65535.0), SIXTEEN[..., :3])
    reduced = decode_with_notes(data, "a" + suffix, DecodePolicy(sixteen_bit="reduce"))
    assert reduced.pixels.dtype == np.uint8
    np.testing.assert_allclose(reduced.pixels, SIXTEEN[..., :3] / 257, atol=0.5001)
    assert reduced.notes == ("16 bits reduced to 8",)
    assert refusal(data, DecodePolicy(sixteen_bit="refuse")) == (
        "has 16 bits a channel (pass --sixteen-bit keep or reduce)"
    )


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_gray_and_alpha(suffix: str) -> None:
    gray = decode_with_notes(encoded16(SIXTEEN[..., 0], suffix), "a" + suffix)
    np.testing.assert_array_equal(np.rint(gray.pixels * 65535.0)[..., 1], SIXTEEN[..., 0])
    assert gray.notes == ("gray, expanded to three equal channels",)
    opaque = SIXTEEN.copy()
    opaque[..., 3] = 65535
    assert decode(encoded16(opaque, suffix), "a" + suffix).shape == (7, 5, 3)
    data = encoded16(SIXTEEN, suffix)
    assert refusal(data).startswith("has an alpha channel")
    cover = SIXTEEN[..., 3:] / 65535
    on_black = decode(data, "a" + suffix, DecodePolicy(alpha="black"))
    np.testing.assert_allclose(on_black, SIXTEEN[..., :3] / 65535 * cover, atol=1e-6)


def test_sixteen_bit_gray_with_alpha_and_with_a_transparent_colour() -> None:
    pairs = SIXTEEN[..., :2].astype(">u2")
    pairs[..., 1] = 65535
    rows = b"".join(b"\0" + row.tobytes() for row in pairs)
    decoded = decode_with_notes(png(5, 7, rows, depth=16, colour=4), "a.png")
    np.testing.assert_array_equal(np.rint(decoded.pixels * 65535.0)[..., 0], SIXTEEN[..., 0])
    assert decoded.notes[0] == "gray, expanded to three equal channels"
    key = chunk(b"tRNS", pairs[0, 0, :1].tobytes())
    rows = b"".join(b"\0" + row.tobytes() for row in pairs[..., 0])
    reason = refusal(png(5, 7, rows, depth=16, colour=0, extra=key))
    assert reason == "has a transparent colour at 16 bits (save it as RGB)"


def test_sixteen_bit_where_white_is_zero() -> None:
    data = encoded(Image.fromarray(SIXTEEN[..., 0]), "TIFF", tiffinfo={262: 0})
    reason = refusal(data, name="a.tif")
    assert reason == "is a 16-bit file of an unusual kind (save it as a 16-bit RGB PNG)"


def test_truncated_sixteen_bit() -> None:
    for suffix in (".png", ".tif"):
        data = encoded16(np.repeat(SIXTEEN[..., :3], 40, axis=0), suffix)
        reason = refusal(data[: len(data) // 2], name="a" + suffix)
        assert "damaged" in reason


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_rotation(form: str, orientation: int) -> None:
    image = Image.fromarray(PHOTO)
    exif = image.getexif()
    exif[274] = orientation
    data = encoded(image, form, exif=exif)
    stored = Image.open(BytesIO(data))
    stored.load()
    expected = np.asarray(ImageOps.exif_transpose(stored))
    decoded = decode_with_notes(data, f"a.{form}")
    np.testing.assert_array_equal(decoded.pixels, expected)
    assert decoded.pixels.shape == ((64, 48, 3) if orientation > 4 else (48, 64, 3))
    if form == "JPEG" and orientation > 1:
        assert f"turned upright (EXIF orientation {orientation})" in decoded.notes


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_exif_rotation_of_sixteen_bits(form: str, orientation: int) -> None:
    image = Image.fromarray(SIXTEEN[..., 0])
    exif = image.getexif()
    exif[274] = orientation
    data = encoded(image, form, exif=exif)
    upright = Image.fromarray((SIXTEEN[..., 0] >> 8).astype(np.uint8))
    upright.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(upright))
    pixels = decode(data, f"a.{form}")
    np.testing.assert_array_equal(np.rint(pixels[..., 0] * 65535.0).astype(int) >> 8, expected)


def test_srgb_profile_and_broken_profile_leave_the_values() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    kept = decode_with_notes(encoded(PHOTO, "PNG", icc_profile=srgb), "a.png")
    np.testing.assert_array_equal(kept.pixels, PHOTO)
    assert kept.notes == ()
    broken = decode_with_notes(encoded(PHOTO, "PNG", icc_profile=b"no profile"), "a.png")
    np.testing.assert_array_equal(broken.pixels, PHOTO)
    assert broken.notes == ("its ICC profile (unreadable) cannot be used; taken as sRGB",)


def test_floating_point_and_odd_channels() -> None:
    gray = Image.fromarray(np.random.default_rng(0).random((8, 8), dtype=np.float32))
    assert refusal(encoded(gray, "TIFF"), name="a.tif") == (
        "holds floating-point values (save it as 8- or 16-bit RGB)"
    )
    lab = Image.fromarray(PHOTO).convert("LAB")
    reason = refusal(encoded(lab, "TIFF"), name="a.tif")
    assert reason == "has colour mode LAB (save it as 8- or 16-bit RGB)"
    _, colour = cv2.imencode(".tif", np.zeros((8, 8, 3), np.float32))
    reason = refusal(colour.tobytes(), name="a.tif")
    assert reason.startswith("is a damaged TIFF, or one of floating point or unusual channels (sa")


def test_pages_and_frames_are_noted() -> None:
    image = Image.fromarray(PHOTO)
    for form in ("TIFF", "WEBP", "PNG"):
        other = Image.fromarray(255 - PHOTO)
        options = {} if form == "TIFF" else {"lossless": True} if form == "WEBP" else {}
        data = encoded(image, form, save_all=True, append_images=[other], **options)
        decoded = decode_with_notes(data, f"a.{'tif' if form == 'TIFF' else form}")
        assert decoded.notes == ("has 2 pages or frames; the first is used",)
        np.testing.assert_array_equal(decoded.pixels, PHOTO)


def test_broken_exif_is_noted_or_ignored() -> None:
    data = encoded(PHOTO, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    assert decode(data, "a.jpg").shape == PHOTO.shape


def test_memory_errors_and_odd_exceptions_become_refusals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for error, text in (
        (MemoryError(), "needs more memory than there is (use a smaller image)"),
        (SyntaxError("odd\nlines"), "is truncated or damaged (odd lines)"),
        (struct.error(), "is truncated or damaged (error)"),
    ):

        def fail(*arguments: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
        assert refusal(encoded(PHOTO, "PNG")) == text


def test_policy_is_strict_and_frozen() -> None:
    with pytest.raises(ValidationError):
        DecodePolicy(alpha="red")  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        DecodePolicy(colour="x")  # type: ignore[call-arg]


def test_read_image_names_the_path(tmp_path: Path) -> None:
    path = tmp_path / "ein Bild ü.PNG"
    path.write_bytes(encoded(PHOTO, "PNG"))
    np.testing.assert_array_equal(read_image(path), PHOTO)
    with pytest.raises(ImageRefused) as refused:
        read_image(tmp_path / "gone.png")
    assert str(refused.value) == (
        f"{tmp_path / 'gone.png'}: cannot be read (No such file or directory)"
    )
