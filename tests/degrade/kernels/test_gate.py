"""Photos that cannot tell their blur are refused with the reason; others are not."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from degrade.images.colour import luma
from degrade.kernels.gate import grid_strength, unfit
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


PHOTO = make_photo(0, 192, 256)
RAMP = np.repeat(np.arange(160, dtype=np.uint8)[None, :, None], 160, axis=0).repeat(3, axis=2)


@pytest.mark.parametrize(
    ("photo", "reason"),
    [
        (PHOTO[:60], "60x256 pixels, too small: each side needs 64 or more"),
        (np.full((99, 99, 3), 7, np.uint8), "flat: all pixels have one value"),
        (RAMP, "constant along one axis: the blur along it cannot be seen"),
        (RAMP.transpose(1, 0, 2), "constant along one axis: the blur along it cannot be seen"),
        (np.full((99, 99, 3), np.nan, np.float32), "some pixels are not finite numbers"),
        (np.where(PHOTO < 140, 0, 255).astype(np.uint8), "saturated: "),
        (jpeg(PHOTO, 10), "heavily JPEG-compressed (steps at its 8x8 grid are "),
        (text(), "a drawing or text: "),
    ],
)
def test_refused(photo: np.ndarray, reason: str) -> None:
    assert unfit(photo, 64).startswith(reason)


def test_photos_pass_and_floating_point_ones_too() -> None:
    assert unfit(PHOTO, 64) == ""
    assert unfit((PHOTO / 255).astype(np.float32), 64) == ""
    assert unfit(jpeg(PHOTO, 95), 64) == ""


def test_the_grid_is_seen_wherever_the_crop_starts() -> None:
    plain = grid_strength(luma(PHOTO))
    assert plain < 1.2
    for row, col in ((0, 0), (3, 5), (7, 1)):
        assert grid_strength(luma(jpeg(PHOTO, 10)[row:, col:])) > 1.5
