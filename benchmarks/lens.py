"""A simulated lens, measured: L1 of its kernels by place and colour, beside one kernel's.

    python -m benchmarks.lens ../shared/data/clean ../shared/data/scenes [--photos 12] [--even]

Sharp pictures, cut to one size, are photographed at x2 through Gaussians whose width grows evenly
from 0.8 photo pixels in the middle to 1.6 in the corner, times 0.9, 0.7 and 0.95 for red, green and
blue; red lies 0.5 photo pixels outwards in the corner and blue 0.3 inwards. The pictures' own
lenses have shifts, too: `--even`, one kernel and no shift, shows them.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from degrade.arrays import F32, F64, U8
from degrade.images.colour import to_uint8
from degrade.images.decode import read_image
from degrade.kernels import spectral
from degrade.kernels.lens import COLOURS, Lens, degrade_by_lens
from degrade.kernels.lens_evidence import LensEvidence, lens_evidence
from degrade.kernels.lens_fit import FittedLens, fit_lens
from degrade.kernels.parametric import gaussian_kernel
from degrade.kernels.pooling import single
from degrade.kernels.shape import canvas_size, l1_distance
from degrade.randomness import stream

SCALE = 2
SIZE = (672, 1024)
"""Rows and columns of HR."""
FACTORS = (0.9, 0.7, 0.95)
EVEN = 0.9
RADII = np.linspace(0, 1, 17)
PLACES = np.linspace(0, 1, 11)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="of sharp pictures")
    parser.add_argument("--photos", type=int, default=1000, help="at most")
    parser.add_argument("--rings", type=int, default=4)
    parser.add_argument("--noise", type=float, default=1.5, help="levels")
    parser.add_argument("--even", action="store_true", help="a lens without variation")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    truth = true_lens(even=options.even)
    taken = [
        photograph(hr, truth, options.noise, stream(options.seed, "lens", number))
        for number, hr in zip(range(options.photos), sharp(options.folders), strict=False)
    ]
    seen = [lens_evidence(photo, options.rings) for photo in taken]
    told = [one for one in seen if isinstance(one, LensEvidence)]
    for reason in (one for one in seen if isinstance(one, str)):
        print(f"left out: {reason}")
    found = fit_lens(told, SCALE)
    print(f"{len(told)} photos")
    for what, one in {"place": found.place, "colour": found.colour}.items():
        print(f"by {what}: F {one.statistic:.1f}, p {one.probability:.2g}, L1 {one.l1:.2f}")
    for colour, shift in zip(("red", "blue"), found.shifts, strict=True):
        print(f"{colour}: {shift.pixels:+.2f} +- {shift.error:.2f}, p {shift.probability:.2g}")
    report(found, truth, one_kernel(taken))


def true_lens(*, even: bool = False) -> Lens:
    """Return the lens that takes the photos."""

    def kernel(radius: float, factor: float) -> F32:
        width = SCALE * (EVEN if even else (0.8 + 0.8 * radius) * factor)
        return gaussian_kernel((width, width), 0.0, canvas_size(SCALE))

    weights = np.array([[kernel(radius, factor) for factor in FACTORS] for radius in RADII])
    return Lens(RADII, weights, np.zeros(2) if even else np.array([0.5, -0.3]))


def sharp(folders: list[Path]) -> Iterator[U8]:
    """Yield the middle of every picture that is large enough, lying."""
    for path in sorted(path for folder in folders for path in folder.iterdir()):
        picture = to_uint8(read_image(path))
        if picture.shape[0] > picture.shape[1]:
            picture = np.rot90(picture)
        top, left = ((have - want) // 2 for have, want in zip(picture.shape[:2], SIZE, strict=True))
        if min(top, left) >= 0:
            yield np.ascontiguousarray(picture[top : top + SIZE[0], left : left + SIZE[1]])


def photograph(hr: U8, lens: Lens, noise: float, rng: np.random.Generator) -> U8:
    """Return a photo of ``hr`` with white noise."""
    clean = degrade_by_lens(hr, lens, SCALE)
    grain = rng.normal(0, noise / 255, clean.shape)
    return to_uint8(np.asarray(np.clip(clean + grain, 0, 1), np.float32))


def one_kernel(photos: list[U8]) -> F32:
    """Return the kernel that all photos are thought to share without a lens."""
    fits = [spectral.estimate(photo) for photo in photos]
    return single([fit.blur for fit in fits if not isinstance(fit, str)])[0].kernel(SCALE)


def at(lens: Lens, radius: float) -> F64:
    """Return the kernels [3, K, K] of a lens at a radius."""
    share = [np.interp(radius, lens.radii, one) for one in np.eye(len(lens.radii))]
    return np.asarray(np.tensordot(share, lens.weights, 1))


def report(found: FittedLens, truth: Lens, one: F32) -> None:
    """Print L1 distances from the truth, of the lens that was found and of one kernel."""
    print(f"{'radius':>8}" + "".join(f"{f'{name}, one':>14}" for name in COLOURS))
    rows = []
    for radius in PLACES.tolist():
        both = zip(at(found.lens, radius), at(truth, radius), strict=True)
        rows.append([(l1_distance(mine, true), l1_distance(one, true)) for mine, true in both])
        print(f"{radius:8.1f}" + "".join(f"{mine:7.2f}{other:7.2f}" for mine, other in rows[-1]))
    lens, other = np.mean(rows, axis=(0, 1))
    print(f"mean over places and colours: lens {lens:.3f}, one kernel {other:.3f}")
    print(f"shift of red and blue: found {found.lens.shift.round(2)}, true {truth.shift}")


if __name__ == "__main__":
    main()
