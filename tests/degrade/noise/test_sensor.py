"""Laws of what is measured of a sensor's noise, on noise that is known."""

import cv2
import numpy as np
import pytest
from scipy.signal import convolve2d

from degrade.degradation import degrade
from degrade.images.decode import read_image
from degrade.noise.floor import (
    BINS,
    CENTRES,
    LOWEST,
    STEP,
    STEPS,
    residual_histogram,
    variance_curve,
)
from degrade.noise.injection import inject_scaled, inject_synthesised
from degrade.noise.mining import NoiseSettings, mine, patches
from degrade.noise.model_table import MODELS
from degrade.noise.sensor import REACH, SensorNoise, grain_of, measure, share_left
from degrade.pairs import make_hr
from degrade.randomness import stream

GAIN, OFFSET = 0.08, 4.0
TAPS = np.array([0.3, 1.0, 0.3])
SETTINGS = NoiseSettings(patch=32, stride=16, max_variance=60)


def grainy(rng, shape):
    """Noise of variance 1 with the grain of TAPS, a third of it shared by the channels."""
    white = rng.standard_normal((*shape, 3)) * np.sqrt(2 / 3)
    white += rng.standard_normal((*shape, 1)) * np.sqrt(1 / 3)
    taps = TAPS / np.linalg.norm(TAPS)
    return cv2.sepFilter2D(white, cv2.CV_64F, taps, taps)


def photo(seed, texture=True):
    """Steps of brightness, half of them textured, with noise of variance GAIN * I + OFFSET."""
    rng = np.random.default_rng(seed)
    levels = rng.permutation(np.linspace(30, 225, 12)).reshape(3, 4)
    clean = np.kron(levels, np.ones((64, 64)))[..., None].repeat(3, 2)
    if texture:
        rough = cv2.GaussianBlur(rng.normal(0, 60, clean.shape), (0, 0), 1.2)
        clean = clean + rough * (rng.random((3, 4)).repeat(64, 0).repeat(64, 1) < 0.5)[..., None]
    noise = grainy(rng, clean.shape[:2]) * np.sqrt(GAIN * np.clip(clean, 0, 255) + OFFSET)
    return np.clip(np.round(clean + noise), 0, 255).astype(np.uint8)


def sensor_of(photos):
    found = [grain_of(patches(p, mine(p, SETTINGS), SETTINGS.patch)) for p in photos]
    counts = sum(residual_histogram(p) for p in photos)
    return measure(counts, *(np.array(column) for column in zip(*found, strict=True)))


@pytest.fixture(scope="module")
def sensor():
    return sensor_of([photo(seed) for seed in range(8)])


def test_the_curve_is_the_noise_of_flat_and_textured_places(sensor):
    inside = (CENTRES > 30) & (CENTRES < 225)
    truth = GAIN * CENTRES + OFFSET
    np.testing.assert_allclose(sensor.curve.mean(0)[inside], truth[inside], rtol=0.15)
    assert (np.diff(sensor.curve.mean(0)) > 0).all()


def test_a_few_blocks_of_texture_bend_the_curve_nowhere_else():
    # As a processed photo has it: hardly a flat block but near white, and in the dark some foliage.
    rng = np.random.default_rng(0)
    white, textured, foliage = np.zeros((3, BINS, STEPS), np.int64), {}, rng.normal(5.6, 0.1, 10)
    for bright in range(4, 15):
        textured[bright] = np.minimum(0.2 + rng.exponential(2.0, 1000), 11)
    blocks = {**textured, 14: rng.normal(0.0, 0.1, 100), 1: np.append(foliage, foliage[0] + 1)}
    for bright, log_power in blocks.items():
        np.add.at(white[:, bright], (slice(None), ((log_power - LOWEST) / STEP).astype(int)), 1)
    curve = variance_curve(white, np.pad(np.ones((1, 1)), REACH))
    assert (curve[:, 4:] < 1).all(), "0.3 at most explains them; the foliage's variance is 68"


def test_grain_and_channels_are_found(sensor):
    own = np.convolve(TAPS, TAPS) / (TAPS @ TAPS)
    truth = np.outer(own, own)
    near = sensor.autocorrelation[REACH - 2 : REACH + 3, REACH - 2 : REACH + 3]
    np.testing.assert_allclose(near, truth, atol=0.08)
    np.testing.assert_allclose(sensor.channels[np.triu_indices(3, 1)], 1 / 3, atol=0.08)


def test_the_filter_and_the_mixing_reproduce_what_was_measured(sensor):
    own = convolve2d(sensor.grain, sensor.grain[::-1, ::-1])
    middle = own.shape[0] // 2
    near = own[middle - 2 : middle + 3, middle - 2 : middle + 3]
    wanted = sensor.autocorrelation[REACH - 2 : REACH + 3, REACH - 2 : REACH + 3]
    np.testing.assert_allclose(near, wanted, atol=0.02)
    np.testing.assert_allclose(sensor.mixing @ sensor.mixing.T, sensor.channels, atol=1e-5)


def simple_sensor():
    own = np.zeros((2 * REACH + 1,) * 2)
    own[REACH - 2 : REACH + 3, REACH - 2 : REACH + 3] = np.outer(
        *[np.convolve(TAPS, TAPS) / (TAPS @ TAPS)] * 2
    )
    curve = np.tile(GAIN * CENTRES + OFFSET, (3, 1))
    return SensorNoise(curve, own, np.full((3, 3), 0.4) + 0.6 * np.eye(3))


@pytest.mark.parametrize("level", [60, 200])
def test_synthesised_noise_is_as_strong_and_grainy_as_the_sensors(level):
    lr = np.full((256, 256, 3), level / 255, np.float32)
    noise = 255 * (inject_synthesised(lr, stream(0, level), simple_sensor()) - lr)
    np.testing.assert_allclose(noise.var((0, 1)), GAIN * level + OFFSET, rtol=0.05)
    neighbours = (noise[:, 1:] * noise[:, :-1]).mean() / (noise**2).mean()
    assert abs(neighbours - 0.6 / 1.18) < 0.02
    assert abs(np.corrcoef(noise.reshape(-1, 3).T)[0, 2] - 0.4) < 0.03


def test_scaled_patches_are_as_strong_as_where_they_are_put():
    rng = np.random.default_rng(1)
    patch = np.clip(128 + rng.normal(0, np.sqrt(GAIN * 128 + OFFSET), (96, 96, 3)), 0, 255)
    lr = np.full((96, 96, 3), 40 / 255, np.float32)
    lr[:, 48:] = 220 / 255
    made = inject_scaled(lr, patch.round().astype(np.uint8), stream(0, "x"), simple_sensor())
    noise = 255 * (made - lr)
    for half, level in ((noise[:, :48], 40), (noise[:, 48:], 220)):
        np.testing.assert_allclose(half.var(), GAIN * level + OFFSET, rtol=0.06)


def test_what_clean_up_leaves_is_what_is_not_added():
    sensor, rng = simple_sensor(), np.random.default_rng(5)
    noise = grainy(rng, (512, 512))
    kernel = cv2.getGaussianKernel(16, 1.4).astype(np.float32)
    kernel = kernel @ kernel.T
    flat = np.clip((128 + 8 * noise) / 255, 0, 1).astype(np.float32)
    for blur in (kernel, None):
        lr = 255 * degrade(make_hr(flat, 2, 2), blur, 2)
        expected = share_left(sensor.autocorrelation, blur, 2, 2)
        # HR is rounded to 8 bits: a twelfth of a level squared, of which little is left.
        assert abs(lr.var() / (8 * noise).var() / expected - 1) < 0.1
    lr = np.full((128, 128, 3), 0.5, np.float32)
    whole, part = (inject_synthesised(lr, stream(0, 1), sensor, left) for left in (0, 0.36))
    np.testing.assert_allclose(part - lr, 0.8 * (whole - lr), atol=1e-6)


def test_every_model_has_its_own_noise_and_equal_streams_give_equal_bytes():
    class Bank:
        patches = type("P", (list,), {"tile": list.__getitem__})([photo(0)[:64, :64]])
        sensor = simple_sensor()

    lr = np.full((32, 32, 3), 0.3, np.float32)
    made, again = (
        [model.inject(lr, Bank(), stream(4, "a"), 0.0) for model in MODELS] for _ in "ab"
    )
    assert all((a == b).all() for a, b in zip(made, again, strict=True))
    assert (made[0] != made[1]).any() and (made[1] != made[2]).any()


@pytest.mark.data
def test_the_simulated_phones_curve_is_found(shared_data):
    """truth.json of phone_x2: variance 0.06 I + 6."""
    files = sorted((shared_data / "phone_x2" / "source").glob("*.png"))
    settings = NoiseSettings(patch=64, stride=32)
    photos = [read_image(file) for file in files]
    found = [grain_of(patches(p, mine(p, settings), settings.patch)) for p in photos]
    counts = sum(residual_histogram(p) for p in photos)
    made = measure(counts, *(np.array(column) for column in zip(*found, strict=True)))
    truth = 0.06 * CENTRES + 6
    ratio = made.curve.mean(0) / truth
    assert (abs(ratio[2:] - 1) < 0.15).all(), ratio
