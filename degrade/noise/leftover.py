"""How much of a photo's noise is still in the LR that is made from it."""

import numpy as np
import numpy.typing as npt

from degrade.arrays import F64
from degrade.images.resize import bicubic_taps


def share_left(
    autocorrelation: F64, kernel: npt.NDArray[np.floating] | None, scale: int, cleanup: int
) -> float:
    """Return the variance of the noise in LR over that in the photo, to which noise is then added.

    Clean-up (bicubic, by ``cleanup``) and ``kernel`` are one linear filter h on the photo's pixels;
    noise of unit variance and autocorrelation r leaves sum_pq h_p h_q r(p - q).

    Args:
        autocorrelation: [2R+1, 2R+1] of the photo's noise, 1 in the middle.
        kernel: [K, K], as `degrade.degradation.downsample` takes it; None is bicubic.
        scale: HR pixels per LR pixel.
        cleanup: Photo pixels per HR pixel; 1 is none.
    """
    from scipy.signal import convolve2d  # which loads all of scipy.stats: half a second

    taps = bicubic_taps(scale)
    blur = np.outer(taps, taps) if kernel is None else np.asarray(kernel, np.float64)
    if cleanup > 1:
        first = bicubic_taps(cleanup)
        spread = np.zeros(((len(blur) - 1) * cleanup + 1,) * 2)
        spread[::cleanup, ::cleanup] = blur
        blur = convolve2d(spread, np.outer(first, first))
    size = 2 * len(blur)
    power = np.fft.ifft2(np.square(np.abs(np.fft.fft2(blur, (size, size))))).real
    reach = min(len(autocorrelation) // 2, len(blur) - 1)
    middle = len(autocorrelation) // 2
    near = autocorrelation[middle - reach : middle + reach + 1][
        :, middle - reach : middle + reach + 1
    ]
    lags = np.arange(-reach, reach + 1)
    share = float((power[np.ix_(lags, lags)] * near).sum())
    return float(np.clip(share, 0, 1))
