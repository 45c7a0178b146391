"""Photos that cannot show their blur are refused with the reason; others are not."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from degrade.images.colour import luma
from degrade.kernels.compression import quantisation_step
from degrade.kernels.unfit_photos import grid_strength, unfit
from tests.photos import make_photo


def jpeg(photo: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def text() -> np.ndarray:
    page = np.full((200, 240, 3), 230, np.uint8)
    for line in range(6):
        cv2.putText(page, "degrade", (10, 30 + 30 * line), cv2.FONT_HERSHEY_PLAIN, 1, (40, 40, 40))
    return page


def line_art() -> np.ndarray:
    page = np.full((240, 240, 3), 255, np.uint8)
    for radius in range(20, 110, 12):
        cv2.circle(page, (120, 120), radius, (0, 0, 0), 1, cv2.LINE_AA)
    return np.minimum(page, 250)


def blocky() -> np.ndarray:
    """A photo whose blocks were shifted in level, as by a decoder's deblocking gone wrong."""
    rng = np.random.default_rng(0)
    levels = np.kron(rng.normal(0, 12, (24, 32)), np.ones((8, 8)))[..., None]
    noise = rng.normal(0, 2, (192, 256, 3))
    return np.clip(make_photo(0, 192, 256) + levels + noise, 0, 255).astype(np.uint8)


PHOTO = make_photo(0, 192, 256)
RAMP = np.repeat(np.arange(160, dtype=np.uint8)[None, :, None], 160, axis=0).repeat(3, axis=2)


@pytest.mark.parametrize(
    ("photo", "reason"),
    [
        (PHOTO[:60], "256x60 pixels, too small: each side needs 64 or more"),
        (np.full((99, 99, 3), 7, np.uint8), "flat: all pixels have one value"),
        (RAMP, "constant along one axis: the blur along it cannot be seen"),
        (RAMP.transpose(1, 0, 2), "constant along one axis: the blur along it cannot be seen"),
        (np.full((99, 99, 3), np.nan, np.float32), "some pixels are not finite numbers"),
        (np.where(PHOTO < 140, 0, 255).astype(np.uint8), "saturated: "),
        (jpeg(PHOTO, 10), "heavily JPEG-compressed (its coefficients are multiples of "),
        (jpeg(PHOTO, 60), "heavily JPEG-compressed (its coefficients are multiples of "),
        (jpeg(PHOTO, 75)[3:, 5:], "heavily JPEG-compressed (its coefficients are multiples of 6 "),
        (blocky(), "heavily JPEG-compressed (steps at its 8x8 grid are "),
        (text(), "a drawing or text: "),
        (line_art(), "a drawing or text: "),
    ],
)
def test_refused(photo: np.ndarray, reason: str) -> None:
    assert unfit(photo, 64).startswith(reason)


def test_photos_pass_and_floating_point_ones_too() -> None:
    assert unfit(PHOTO, 64) == ""
    assert unfit((PHOTO / 255).astype(np.float32), 64) == ""
    for quality in (98, 95, 90):
        assert unfit(jpeg(PHOTO, quality), 64) == ""


def test_the_grid_is_seen_wherever_the_crop_starts() -> None:
    plain = grid_strength(PHOTO)
    assert plain < 1.2
    for row, col in ((0, 0), (3, 5), (7, 1)):
        assert grid_strength(jpeg(PHOTO, 10)[row:, col:]) > 1.5


@pytest.mark.parametrize(("quality", "step"), [(85, 4), (80, 5), (60, 10), (50, 13), (95, 0)])
def test_the_quantisation_step_is_read_wherever_the_crop_starts(quality: int, step: int) -> None:
    scene = make_photo(3, 320, 400)
    for row, col in ((0, 0), (3, 5), (7, 2)):
        found = quantisation_step(luma(jpeg(scene, quality)[row:, col:]))
        assert abs(found - step) <= (1 if step > 5 else 0)
    assert quantisation_step(luma(scene)) == 0
    assert quantisation_step(luma(scene)[:50]) == 0
