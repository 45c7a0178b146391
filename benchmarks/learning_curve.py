"""Whether the error that is expected of pooled kernels is theirs, by the number of photos.

    python -m benchmarks.learning_curve ../shared/data/phone_x2 [--counts 5 10 30] [--subsets 8]

The folder holds one camera's photos, source/ and truth_kernels.npz. Random subsets of its photos
are pooled, each by itself; the L1 distance from the truth is set beside the one that `degrade
kernels` expects of the subset's own posterior.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.kernel_accuracy import given
from degrade.arrays import F32
from degrade.kernels import spectral
from degrade.kernels.pooling import pool
from degrade.kernels.shape import l1_distance
from degrade.kernels.spectral import Blur
from degrade.kernels.uncertainty import learn
from degrade.randomness import stream


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[5, 10, 30])
    parser.add_argument("--subsets", type=int, default=8, help="of each size")
    options = parser.parse_args()
    found = [(spectral.estimate(case.photo), case.truth) for case in given(options.folder)]
    photos = [(fit.blur, truth) for fit, truth in found if not isinstance(fit, str)]
    print(f"{'photos':>8}{'expected':>10}{'true':>8}{'ratio':>8}")
    for count in sorted({min(count, len(photos)) for count in options.counts}):
        each = [of_subset(photos, count, seed) for seed in range(options.subsets)]
        expected, true = np.mean(each, axis=0)
        print(f"{count:8}{expected:10.3f}{true:8.3f}{expected / true:8.2f}")


def of_subset(photos: list[tuple[Blur, F32]], count: int, seed: int) -> tuple[float, float]:
    """Return the expected and the true L1 distance of a random subset's kernels."""
    rows = stream(seed, "learning-curve", count).permutation(len(photos))[:count]
    blurs, truths = zip(*(photos[row] for row in rows), strict=True)
    scale = truths[0].shape[0] // 8
    kernels = [blur.kernel(scale) for blur in pool(blurs)]
    true = [l1_distance(kernel, truth) for kernel, truth in zip(kernels, truths, strict=True)]
    return learn(blurs, seed).errors[count], float(np.mean(true))


if __name__ == "__main__":
    main()
