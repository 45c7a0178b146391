"""A picture to try networks on: made, the same everywhere, with the spectrum of photos."""

import numpy as np

from degrade.arrays import F32
from degrade.randomness import stream


def sample_picture(height: int, width: int) -> F32:
    """Return RGB [1, 3, height, width] in [0, 1] whose amplitude falls as 1 / frequency."""
    random = stream(0, "sample-picture")
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    spectrum = np.fft.rfft2(random.normal(size=(3, height, width)))
    spectrum /= np.maximum(frequency, 1 / max(height, width))
    picture = np.fft.irfft2(spectrum, s=(height, width))
    scaled: F32 = np.clip(0.5 + picture / (6 * picture.std()), 0, 1).astype(np.float32)
    return scaled[None]
