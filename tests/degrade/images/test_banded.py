"""Pixels taken band by band are those of the image."""

import numpy as np
import pytest
from PIL import Image

from degrade.images.banded import BAND, rgb_pixels


@pytest.mark.parametrize("height", [1, BAND - 1, BAND, BAND + 1, 2 * BAND, 2 * BAND + 3])
def test_they_are_the_images(height: int) -> None:
    expected = np.random.default_rng(0).integers(0, 256, (height, 7, 3), dtype=np.uint8)
    found = rgb_pixels(Image.fromarray(expected))
    assert np.array_equal(found, expected)
    found[:] = 0  # the caller's own
