"""AVIF, HEIC, JPEG XL and raw files: pixels, depth, colours, limits, and what lies beside them."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from degrade.errors import ImageRefused
from degrade.images import formats, opening
from degrade.images.decode import DecodePolicy, decode, decode_uncomposed, decode_with_notes
from degrade.images.formats import HEIC, JXL, RAW, Extra
from degrade.images.jxl_header import read_header
from degrade.images.rgb_space import srgb_encoded
from tests.degrade.images.phone_files import (
    DEEP,
    deep_avif,
    deep_heic,
    dng,
    heic,
    jxl,
    scene_mosaic,
)
from tests.degrade.images.samples import P3, encoded, matrix_profile, smooth_photo, srgb_curve

PHOTO = smooth_photo()
P3_PROFILE = matrix_profile("Display P3", P3, srgb_curve())


def needs(extra: Extra) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not extra.is_there(), reason=f"needs {extra.install}")


def avif(pixels: object, **options: object) -> bytes:
    return encoded(pixels, "AVIF", **{"quality": 100, "subsampling": "4:4:4", **options})


def refusal(data: bytes, name: str, **policy: object) -> str:
    with pytest.raises(ImageRefused) as refused:
        decode(data, name, DecodePolicy(**policy))
    return refused.value.reason


MAKERS = [
    pytest.param(avif, "a.avif", id="avif"),
    pytest.param(heic, "a.heic", id="heic", marks=needs(HEIC)),
    pytest.param(jxl, "a.jxl", id="jxl", marks=needs(JXL)),
]


@pytest.mark.parametrize(("make", "name"), MAKERS)
def test_eight_bits(make, name: str) -> None:
    decoded = decode_with_notes(make(PHOTO), name)
    assert decoded.pixels.dtype == np.uint8
    assert decoded.notes == ()
    assert np.abs(decoded.pixels.astype(int) - PHOTO).max() <= 6
    assert decode_with_notes(make(PHOTO), "a.jpg").notes[0].endswith("it is named .jpg")


@pytest.mark.parametrize(("make", "name"), MAKERS)
def test_limits_and_damage(make, name: str) -> None:
    data = make(PHOTO)
    reason = "claims 64x48 pixels, more than the limit of 3071 (crop it or make it smaller)"
    assert refusal(data, name, max_pixels=64 * 48 - 1) == reason
    assert decode(data, name, DecodePolicy(max_pixels=64 * 48)).shape == (48, 64, 3)
    for share in (0.02, 0.3, 0.6, 0.9):
        assert "damaged" in refusal(data[: int(share * len(data))], name)


@needs(JXL)
def test_a_jxl_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jxl(PHOTO)
    monkeypatch.setattr("pillow_jxl.JpegXLImagePlugin.Decoder", None)
    assert refusal(data, "a.jxl", max_pixels=10).startswith("claims 64x48 pixels")


@pytest.mark.parametrize(("make", "name"), MAKERS[:2])
def test_profiles_are_applied(make, name: str) -> None:
    decoded = decode_with_notes(make(PHOTO, icc_profile=P3_PROFILE), name)
    expected = decode(encoded(PHOTO, "PNG", icc_profile=P3_PROFILE), "a.png")
    assert np.abs(decoded.pixels.astype(int) - expected).mean() < 2
    assert decoded.notes[0].startswith("converted from ICC profile (Display P3) to sRGB")


DEEP_MAKERS = [
    pytest.param(deep_avif, "a.avif", id="avif"),
    pytest.param(deep_heic, "a.heic", id="heic", marks=needs(HEIC)),
]


@pytest.mark.parametrize(("make", "name"), DEEP_MAKERS)
def test_ten_bits_stay(make, name: str) -> None:
    data = make(DEEP)
    pixels = decode(data, name)
    assert pixels.dtype == np.float32
    assert len(np.unique(pixels[..., 0])) > 700
    assert np.abs(pixels - DEEP / 65535).max() < 8 / 1023
    assert pixels.max() == 1
    reduced = decode_with_notes(data, name, DecodePolicy(sixteen_bit="reduce"))
    assert reduced.pixels.dtype == np.uint8
    assert "10 bits reduced to 8" in reduced.notes
    assert np.abs(reduced.pixels / 255 - DEEP / 65535).max() < 0.011
    reason = "has 10 bits a channel (pass --sixteen-bit keep or reduce)"
    assert refusal(data, name, sixteen_bit="refuse") == reason


def with_points(data: bytes, primaries: int, transfer: int) -> bytes:
    """Change the code points that a file of boxes carries."""
    at = data.index(b"nclx")
    return data[: at + 4] + bytes((0, primaries, 0, transfer)) + data[at + 8 :]


@pytest.mark.parametrize(("make", "name"), [pytest.param(deep_avif, "a.avif"), *MAKERS[:2]])
def test_code_points_without_a_profile(make, name: str) -> None:
    deep = make is deep_avif
    plain = make(DEEP if deep else PHOTO)
    marked = with_points(plain, 12, 13)
    decoded = decode_with_notes(marked, name)
    assert decoded.notes[-1].startswith("converted from CICP 12/13, Display P3 to sRGB")
    before = decode(plain, name)
    if not deep:
        expected = decode(encoded(before, "PNG", icc_profile=P3_PROFILE), "a.png")
        assert np.abs(decoded.pixels.astype(int) - expected).max() <= 2
    assert refusal(with_points(plain, 9, 16), name).startswith("is HDR (PQ)")
    np.testing.assert_array_equal(decode(with_points(plain, 2, 2), name), before)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_rotation(orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    data = avif(PHOTO, exif=exif.tobytes())
    upright = decode(data, "a.avif")
    rotated = decode(encoded(PHOTO, "PNG", exif=exif), "a.png")
    assert np.abs(upright.astype(int) - rotated).max() <= 4


@needs(HEIC)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("deep", [False, True])
def test_heic_rotation_is_applied_once(orientation: int, deep: bool) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    pixels = DEEP if deep else PHOTO
    data = (deep_heic if deep else heic)(pixels, exif=exif.tobytes())
    upright = decode(data, "a.heic")
    eight = np.rint(DEEP / 257).astype(np.uint8) if deep else PHOTO
    rotated = decode(encoded(eight, "PNG", exif=exif), "a.png")
    assert upright.shape == rotated.shape
    scale = 255 if deep else 1
    assert np.abs(upright * scale - rotated.astype(float)).max() <= 6


@needs(JXL)
def test_jxl_depths_and_packed_jpegs() -> None:
    assert (read_header(jxl(PHOTO)).width, read_header(jxl(PHOTO)).height) == (64, 48)
    gray = DEEP[..., 0]
    decoded = decode_with_notes(jxl(gray), "a.jxl")
    assert decoded.pixels.dtype == np.float32
    light = srgb_encoded(gray / 65535)  # the plugin writes 16 bits of gray as linear light
    np.testing.assert_allclose(decoded.pixels[..., 1], light, atol=1e-5)
    assert decoded.notes[-1].startswith("converted from ICC profile (")
    for height, width in ((8, 8), (48, 64), (64, 48), (256, 256), (90, 160), (1, 300), (513, 7)):
        header = read_header(jxl(np.zeros((height, width, 3), np.uint8)))
        assert (header.height, header.width, header.depth) == (height, width, 8)
    for orientation in (1, 6):
        exif = Image.Exif()
        exif[274] = orientation
        jpeg = encoded(PHOTO, "JPEG", quality=95, exif=exif)
        np.testing.assert_array_equal(decode(packed(jpeg), "a.jxl"), decode(jpeg, "a.jpg"))


def packed(jpeg: bytes) -> bytes:
    """A JPEG file packed without loss as JPEG XL."""
    import pillow_jxl

    encoder = pillow_jxl.Encoder(mode="RGB", lossless=True, num_threads=1, use_container=True)
    return bytes(encoder(jpeg, 64, 48, jpeg_encode=True))


@needs(RAW)
def test_raw_is_developed_deep_and_the_same_each_time() -> None:
    data = dng(scene_mosaic())
    first, second = (decode_with_notes(data, name) for name in ("a.dng", "b.tif"))
    assert first.pixels.dtype == np.float32
    assert first.pixels.shape == (96, 128, 3)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.notes == (
        "raw, developed with the camera's white balance, AHD demosaicing, no automatic brightness",
    )
    assert len(np.unique(first.pixels[..., 1])) > 1000
    assert decode(dng(scene_mosaic(), orientation=6), "a.dng").shape == (128, 96, 3)


@needs(RAW)
def test_raw_brightness_and_white_are_the_files() -> None:
    """A gray card: equal channels by the camera's balance, and light in, light out."""
    mosaic = np.zeros((64, 64), np.uint16)
    shares = ((0.5, 1.0), (1.0, 2 / 3))  # as the neutral of `dng` says: red 1/2, blue 2/3
    for row in range(2):
        for column in range(2):
            mosaic[row::2, column::2] = round(20000 * shares[row][column])
    dark = decode(dng(mosaic), "a.dng")[16:48, 16:48].mean((0, 1))
    bright = decode(dng(mosaic * 2), "a.dng")[16:48, 16:48].mean((0, 1))
    assert np.ptp(dark) < 0.03 and np.ptp(bright) < 0.03

    def light(value: np.ndarray) -> np.ndarray:
        return ((value + 0.055) / 1.055) ** 2.4

    np.testing.assert_allclose(light(bright) / light(dark), 2, rtol=0.02)


@needs(RAW)
def test_raw_policies_limits_and_damage() -> None:
    data = dng(scene_mosaic())
    reduced = decode_with_notes(data, "a.dng", DecodePolicy(sixteen_bit="reduce"))
    assert reduced.pixels.dtype == np.uint8 and reduced.notes[-1] == "16 bits reduced to 8"
    assert refusal(data, "a.dng", sixteen_bit="refuse").startswith("is raw (pass --sixteen-bit")
    assert refusal(data, "a.dng", max_pixels=100).startswith("claims 128x96 pixels, more than")
    for share in (0.1, 0.5, 0.9):
        assert "damaged" in refusal(data[: int(share * len(data))], "a.dng")
    assert "does not read" in refusal(b"x" * 1000, "a.nef")
    assert refusal(b"", "a.dng") == "is empty (0 bytes)"
    named = decode_with_notes(encoded(PHOTO, "JPEG"), "a.dng")
    assert named.notes == ("contains JPEG although it is named .dng",)


@pytest.mark.parametrize(
    ("extra", "data", "name"),
    [
        (HEIC, b"\0\0\0\x18ftypheic" + bytes(16), "a.heic"),
        (JXL, b"\xff\x0a" + bytes(16), "a.jxl"),
        (RAW, b"II*\0" + bytes(16), "a.dng"),
    ],
)
def test_what_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, extra: Extra, data: bytes, name: str
) -> None:
    monkeypatch.setattr(formats, "_is_installed", lambda module: False)
    reason = refusal(data, name)
    assert reason.endswith(f'needs {extra.module} (pip install "degrade[{extra.name}]")')


def test_what_lies_beside_the_main_picture_is_said() -> None:
    plain = encoded(PHOTO, "JPEG", quality=95)
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version='1' xmlns:hdrgm='{}' {}/>"
    for marks, said in (
        ((b"http://ns.adobe.com/hdr-gain-map/1.0/", b""), "has a gain map for HDR, which is not"),
        ((b"urn:iso:std:iso:ts:21496:-1", b""), "has a gain map for HDR, which is not applied"),
        ((b"", b'GCamera:MotionPhoto="1"'), "is a motion photo; its still picture is used"),
        ((b"", b'GCamera:MicroVideo="1"'), "is a motion photo; its still picture is used"),
    ):
        text = xmp.replace(b"{}", marks[0], 1).replace(b"{}", marks[1], 1)
        segment = b"\xff\xe1" + (len(text) + 2).to_bytes(2, "big") + text
        decoded = decode_with_notes(plain[:2] + segment + plain[2:], "a.jpg")
        assert [note for note in decoded.notes if note.startswith(said)]
        np.testing.assert_array_equal(decoded.pixels, decode(plain, "a.jpg"))
    clip = plain + b"\0\0\0\x18ftypmp42" + bytes(100) + b"MotionPhoto_Data"
    assert decode_with_notes(clip, "a.jpg").notes == (
        "is a motion photo; its still picture is used",
    )


def test_the_main_picture_of_several_is_used() -> None:
    second = Image.fromarray(255 - PHOTO)
    data = encoded(PHOTO, "MPO", save_all=True, append_images=[second], quality=95)
    decoded = decode_with_notes(data, "a.jpg")
    assert decoded.notes == ("holds 2 pictures; the main one is used",)
    alone = decode(encoded(PHOTO, "JPEG", quality=95), "a.jpg")
    np.testing.assert_array_equal(decoded.pixels, alone)


@needs(HEIC)
def test_the_primary_picture_of_a_heic_is_used_at_any_place() -> None:
    import pillow_heif

    for deep in (False, True):
        file = pillow_heif.HeifFile()
        for pixels in (65535 - DEEP, DEEP):
            if deep:
                file.add_frombytes("RGB;16", (64, 48), pixels.tobytes())
            else:
                file.add_from_pillow(Image.fromarray((pixels >> 8).astype(np.uint8)))
        out = BytesIO()
        file.save(out, quality=100, chroma=444, primary_index=1)
        decoded = decode_with_notes(out.getvalue(), "a.heic")
        assert decoded.notes == ("holds 2 pictures; the main one is used",)
        unit = decoded.pixels / (1 if deep else 255)
        assert np.abs(unit - DEEP / 65535).max() < 0.02


def test_alpha_gray_and_exif_stand_apart() -> None:
    cover = np.full((48, 64), 255, np.uint8)
    cover[:, 40:] = 51
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Maker"
    parts = decode_uncomposed(encoded(np.dstack([PHOTO, cover]), "PNG", exif=exif), "a.png")
    assert parts.alpha is not None and not parts.gray
    assert parts.pixels.shape == (64, 48, 3) and parts.alpha.shape == (64, 48)
    np.testing.assert_allclose(parts.alpha, np.rot90(cover, -1) / 255)
    assert parts.exif[271] == "Maker"
    assert decode_uncomposed(encoded(PHOTO[..., 0], "PNG"), "a.png").gray


def test_header_sizes_without_decoding() -> None:
    made = {"a.png": encoded(PHOTO, "PNG"), "a.avif": avif(PHOTO)}
    made |= {"a.heic": heic(PHOTO)} if HEIC.is_there() else {}
    made |= {"a.jxl": jxl(PHOTO)} if JXL.is_there() else {}
    made |= {"a.dng": dng(scene_mosaic(48, 64))} if RAW.is_there() else {}
    for name, data in made.items():
        assert opening.claimed_size(BytesIO(data), name) == (48, 64)


def test_ten_bits_of_avif_are_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = deep_avif(DEEP)
    monkeypatch.setattr("PIL.AvifImagePlugin.AvifImageFile.load", None)
    assert decode(data, "a.avif").dtype == np.float32


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_deep_avif_that_is_cut_short_is_refused(share: float) -> None:
    data = deep_avif(DEEP)
    with pytest.raises(ImageRefused, match="is truncated or damaged"):
        decode(data[: int(share * len(data))], "a.avif")


def test_opencv_gives_ten_bits_of_avif() -> None:
    """What `deep_planes` relies on."""
    stored = cv2.imdecode(np.frombuffer(deep_avif(DEEP), np.uint8), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16 and stored.max() == 1023
