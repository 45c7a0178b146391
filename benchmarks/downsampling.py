"""Time kernel downsampling beside a full-resolution correlation that is then subsampled.

Run: python -m benchmarks.downsampling [--side 512] [--rounds 5]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
from scipy import ndimage

from degrade.arrays import F32
from degrade.degradation import downsample
from degrade.randomness import stream

CASES = ((2, 16), (3, 23), (4, 32))
"""Scale and kernel side: the store's sizes for x2 and x4, and an odd one for x3."""
TOLERANCE = 1e-5


def textbook(hr: F32, kernel: F32, scale: int) -> F32:
    """Correlate every pixel of every channel, symmetric borders, then keep one in scale squared.

    SciPy puts the centre of an even kernel right of its middle, so the sample that belongs to LR
    pixel 0 is ``scale // 2`` for even scales, and ``(scale - 1) / 2`` for odd ones.
    """
    channels = [ndimage.correlate(hr[..., c], kernel, mode="reflect") for c in range(hr.shape[2])]
    return np.stack(channels, axis=2)[scale // 2 :: scale, scale // 2 :: scale]


def seconds(function: Callable[[F32, F32, int], F32], hr: F32, kernel: F32, scale: int) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    function(hr, kernel, scale)
    return time.perf_counter() - start


def compare(side: int, scale: int, size: int, rounds: int) -> str:
    """Check that both give the same image, time them turn by turn, and return a table row."""
    random = stream(0, "downsampling", scale, size)
    hr = random.random((side - side % scale, side - side % scale, 3), dtype=np.float32)
    kernel = random.random((size, size), dtype=np.float32)
    kernel /= kernel.sum()
    difference = float(np.abs(textbook(hr, kernel, scale) - downsample(hr, kernel, scale)).max())
    if difference > TOLERANCE:
        raise SystemExit(f"x{scale}: results differ by {difference:.2g}, more than {TOLERANCE}")
    times = [
        (seconds(textbook, hr, kernel, scale), seconds(downsample, hr, kernel, scale))
        for _ in range(rounds)
    ]
    slow, fast = (statistics.median(column) for column in zip(*times, strict=True))
    return (
        f"x{scale}    {size:>2}x{size:<2}  {1e3 * slow:>9.1f}  {1e3 * fast:>8.2f}"
        f"  {slow / fast:>6.1f}  {difference:>10.1e}"
    )


def main() -> None:
    """Print one row per case; one thread each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512, help="side of the HR image in pixels")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved repetitions")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"RGB float32 {options.side}x{options.side}, medians of {options.rounds}, one thread")
    print("scale  kernel   textbook ms  ours ms   ratio  difference")
    for scale, size in CASES:
        print(compare(options.side, scale, size, options.rounds), flush=True)


if __name__ == "__main__":
    main()
