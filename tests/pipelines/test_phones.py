"""Laws of the simulated phones."""

from dataclasses import replace
from io import BytesIO
from typing import get_args

import cv2
import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from degrade.images.alignment import subpixel_shift
from degrade.randomness import stream
from pipelines.phones.catalogue import (
    PHONES,
    Cleaner,
    Demosaicing,
    JpegSettings,
    Lens,
    Pattern,
    Phone,
    Sensor,
    Sharpening,
    ToneCurve,
)
from pipelines.phones.processor import demosaiced, take, to_display, to_linear

NAMES = list(PHONES)
DEMOSAICINGS = get_args(Demosaicing)
PATTERNS = get_args(Pattern)
SUBSAMPLINGS = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
INSIDE = slice(8, -8)


def flat(colour: tuple[int, int, int], side: int = 192) -> np.ndarray:
    return np.full((side, side, 3), colour, np.uint8)


def textured(height: int, width: int, coarseness: float) -> np.ndarray:
    """Blobs of all colours, about as wide as ``coarseness``."""
    noise = stream(0, "textured").standard_normal((height, width, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), coarseness)
    return np.clip(128 + 45 * smooth / smooth.std(), 10, 245).astype(np.uint8)


def photo(scene: np.ndarray, phone: Phone, key: str = "test") -> np.ndarray:
    return np.asarray(Image.open(BytesIO(take(scene, phone, key).jpeg)))


def without_noise(phone: Phone) -> Phone:
    return replace(phone, sensor=replace(phone.sensor, shot=0, read=0))


def test_linear_light_and_display_tones_are_inverse() -> None:
    levels = np.arange(256, dtype=np.float32) / 255
    np.testing.assert_allclose(to_display(to_linear(levels)), levels, atol=1e-6)
    assert to_linear(np.float32([0.5]))[0] == pytest.approx(0.21404, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_shot_depends_on_scene_phone_and_key_alone(name: str) -> None:
    scene, phone = textured(96, 132, 3), PHONES[name]
    shot, again = take(scene, phone, "one"), take(scene, phone, "one")
    other, reseeded = take(scene, phone, "two"), take(scene, phone, "one", seed=1)
    assert shot.jpeg == again.jpeg
    np.testing.assert_array_equal(shot.hr, again.hr)
    assert len({shot.jpeg, other.jpeg, reseeded.jpeg}) == 3
    np.testing.assert_array_equal(shot.hr, other.hr)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("height", "width"), [(96, 132), (101, 143)])
def test_hr_is_the_cropped_scene_and_scale_times_the_photo(
    name: str, height: int, width: int
) -> None:
    phone = PHONES[name]
    shot = take(textured(height, width, 3), phone, "test")
    lr = np.asarray(Image.open(BytesIO(shot.jpeg)))
    rows, columns = height // phone.scale, width // phone.scale
    assert lr.shape == (rows, columns, 3)
    assert shot.hr.shape == (rows * phone.scale, columns * phone.scale, 3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [90, 128, 200])
def test_flat_grey_has_the_grey_of_hr(name: str, level: int) -> None:
    scene = flat((level,) * 3, 64 * PHONES[name].scale)
    shot = take(scene, PHONES[name], "test")
    lr = np.asarray(Image.open(BytesIO(shot.jpeg)))
    assert np.ptp(shot.hr) == 0
    np.testing.assert_allclose(lr.mean((0, 1)), shot.hr[0, 0], atol=1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("colour", [(190, 100, 60), (70, 150, 110), (80, 90, 180)])
def test_flat_colour_has_the_colour_of_hr(
    name: str, pattern: Pattern, colour: tuple[int, int, int]
) -> None:
    phone = PHONES[name]
    patterned = replace(phone, sensor=replace(phone.sensor, pattern=pattern))
    shot = take(flat(colour, 32 * phone.scale), without_noise(patterned), "test")
    lr = np.asarray(Image.open(BytesIO(shot.jpeg)))
    # JPEG of quality 75 rounds the mean of a chroma block to steps of two levels.
    np.testing.assert_allclose(lr.mean((0, 1)), shot.hr[0, 0], atol=2.5)


@pytest.mark.parametrize("how", DEMOSAICINGS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_demosaicing_returns_colours_to_their_places(how: Demosaicing, pattern: Pattern) -> None:
    """A plane of each colour of its own, up to the borders, and with odd sides."""
    rows, columns = np.mgrid[:41, :53] / 60
    scene = np.stack([0.2 + rows / 2, 0.6 - columns / 4, 0.3 + (rows + columns) / 8], axis=2)
    mosaic = np.zeros((41, 53), np.float32)
    for at, colour in enumerate(pattern):
        place = np.s_[at // 2 :: 2, at % 2 :: 2]
        mosaic[place] = scene[..., "RGB".index(colour)][place]
    found = demosaiced(mosaic, pattern, how)
    assert found.dtype == np.float32
    tolerance = 0.02 if how == "variable gradients" else 0.002  # of 8 bits, not of 16
    np.testing.assert_allclose(found[3:-3, 3:-3], scene[3:-3, 3:-3], atol=tolerance)
    np.testing.assert_allclose(found, scene, atol=0.025)


@pytest.mark.parametrize("name", NAMES)
def test_photo_lies_where_hr_lies(name: str) -> None:
    phone = PHONES[name]
    scene = textured(120 * phone.scale, 100 * phone.scale, 1.5 * phone.scale)
    shot = take(scene, phone, "test")
    lr = np.asarray(Image.open(BytesIO(shot.jpeg)))
    assert np.abs(subpixel_shift(shot.hr, lr, phone.scale)).max() < 0.1


@pytest.mark.parametrize("name", NAMES)
def test_a_blob_of_each_colour_stays_in_place(name: str) -> None:
    """LR pixel i is centred on HR coordinate s*i + (s-1)/2, in every channel."""
    phone, middle = PHONES[name], (31.3, 29.6)
    side = 60 * phone.scale
    centre = [phone.scale * at + (phone.scale - 1) / 2 for at in middle]
    rows, columns = np.mgrid[:side, :side]
    square = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2
    scene = 60 + 120 * np.exp(-square / (2 * (4 * phone.scale) ** 2))
    rgb = np.repeat(scene[..., None], 3, axis=2).round().astype(np.uint8)
    lr = photo(rgb, without_noise(phone)).astype(float)
    weights = np.maximum(lr - lr[:8].mean((0, 1)) - 12, 0)
    place = np.arange(60)
    for channel in range(3):
        mass = weights[..., channel] / weights[..., channel].sum()
        found = mass.sum(1) @ place, mass.sum(0) @ place
        np.testing.assert_allclose(found, middle, atol=0.1)


def test_noise_grows_with_brightness_where_nothing_is_denoised() -> None:
    phone = replace(PHONES["raw"], file=JpegSettings(100, "4:4:4"))
    light = [
        to_linear(photo(flat((level,) * 3), phone).astype(np.float32) / 255).std()
        for level in (50, 100, 150, 200)
    ]
    assert light == sorted(light)
    assert light[3] > 1.5 * light[0]


def test_noise_of_green_has_the_stated_variance() -> None:
    sensor = Sensor("RGGB", gains=(1, 1), shot=4e-4, read=1e-5)
    phone = replace(PHONES["raw"], sensor=sensor, file=JpegSettings(100, "4:4:4"))
    seen = to_linear(photo(flat((128,) * 3, 400), phone)[::2, 1::2, 1].astype(np.float32) / 255)
    signal = float(to_linear(np.float32([128 / 255]))[0])
    assert seen.var() == pytest.approx(4e-4 * signal + 1e-5, rel=0.08)


def test_binning_divides_the_variance_by_the_photosites_of_a_pixel() -> None:
    sensor = replace(PHONES["raw"].sensor, shot=4e-3)
    one = replace(PHONES["raw"], sensor=sensor, file=JpegSettings(100, "4:4:4"))
    four = replace(one, sensor=replace(one.sensor, binning=2))
    variances = [photo(flat((150,) * 3), phone).var((0, 1)) for phone in (one, four)]
    np.testing.assert_allclose(variances[0] / variances[1], 4, rtol=0.15)


def test_sharpening_adds_no_more_than_its_clamp() -> None:
    dull = replace(without_noise(PHONES["raw"]), file=JpegSettings(100, "4:4:4"))
    scene = np.repeat(np.repeat(np.uint8([60, 190]), 64)[None], 128, axis=0)
    edge = np.repeat(scene[..., None], 3, axis=2)
    for clamp in (6, 20):
        keen = replace(dull, sharpening=Sharpening(3, 1, clamp=clamp))
        over = photo(edge, keen).max() - photo(edge, dull).max().astype(int)
        assert over == pytest.approx(clamp, abs=1.5)


@pytest.mark.parametrize("name", NAMES)
def test_file_has_the_quality_and_subsampling_of_the_phone(name: str) -> None:
    phone = PHONES[name]
    with Image.open(BytesIO(take(textured(96, 96, 3), phone, "test").jpeg)) as image:
        expected = BytesIO()
        image.save(expected, "JPEG", quality=phone.file.quality)
        sampling = JpegImagePlugin.get_sampling(image)
        tables = image.quantization
    assert sampling == SUBSAMPLINGS[phone.file.subsampling]
    assert tables == Image.open(expected).quantization


def test_phones_differ_in_every_step() -> None:
    """Only demosaicing, of four kinds, patterns and subsamplings have to recur."""
    phones = list(PHONES.values())
    assert len(phones) >= 7
    assert {phone.scale for phone in phones} == {2, 3, 4}
    assert {phone.demosaicing for phone in phones} == set(DEMOSAICINGS)
    assert {phone.sensor.pattern for phone in phones} == set(PATTERNS)
    for step in ("lens", "sensor", "tones", "sharpening", "file"):
        assert len({getattr(phone, step) for phone in phones}) == len(phones)
    assert len({(phone.luma, phone.chroma) for phone in phones}) == len(phones)


def test_a_phone_without_optics_noise_and_processing_averages_pixels() -> None:
    """What is left is the mean of linear light over each pixel: grey needs no demosaicing."""
    phone = Phone(
        scale=2,
        lens=Lens(*[(0.01, 0.01)] * 3),
        sensor=Sensor("RGGB", gains=(1, 1), shot=0, read=0),
        demosaicing="bilinear",
        luma=Cleaner(),
        chroma=Cleaner(),
        tones=ToneCurve(),
        sharpening=Sharpening(),
        file=JpegSettings(100, "4:4:4"),
    )
    columns = np.repeat(np.uint8([40, 200])[None], 64, axis=0)
    scene = np.repeat(np.tile(columns, (1, 32))[..., None], 3, axis=2)
    mean = to_linear(np.float32([40, 200]) / 255).mean(keepdims=True)
    lr = photo(scene, phone)
    np.testing.assert_allclose(lr[INSIDE, INSIDE], 255 * to_display(mean)[0], atol=1)
