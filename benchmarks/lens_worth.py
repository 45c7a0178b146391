"""What a lens's pairs are worth: a network trained on them and on those of one kernel, by place.

    python -m benchmarks.lens_worth ../shared/data/clean ../shared/data/scenes [--steps 700]

The lens is that of `benchmarks.lens`. It is measured, and so is the one kernel, on photos of three
quarters of the pictures, which then are HR: LR of the found lens, of the one kernel, and of the
true lens. The same small RRDBNet learns from each, with the same crops and noise, what to add to
bicubic upsampling, and enlarges photos of the other pictures; PSNR of RGB is that of HR pixels in
the middle (radius below 0.3 of the corner's), half-way (0.4 to 0.6) and in the corners (0.8 and
more).
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from benchmarks.lens import SCALE, one_kernel, photograph, sharp, true_lens
from degrade.arrays import F32, U8
from degrade.degradation import degrade
from degrade.images.colour import to_uint8
from degrade.images.resize import bicubic
from degrade.kernels.lens import degrade_by_lens, relative_radii
from degrade.kernels.lens_evidence import LensEvidence, lens_evidence
from degrade.kernels.lens_fit import fit_lens
from degrade.randomness import derive, stream
from sr_train.inference.upscaling import upscale_image
from sr_train.networks.rrdbnet import RRDBNet

NOISE = 1.5
"""Of photos and of pairs, levels."""
CROP, BATCH, RATE = 32, 8, 4e-4
PLACES = {"middle": (0.0, 0.3), "half-way": (0.4, 0.6), "corners": (0.8, 1.0), "all": (0.0, 1.0)}
"""Ranges of the relative radius."""


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="of sharp pictures")
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    truth, pictures = true_lens(), list(sharp(options.folders))
    held = pictures[::4]
    trained_on = [picture for number, picture in enumerate(pictures) if number % 4]
    taken = [
        photograph(hr, truth, NOISE, stream(0, "lens", number))
        for number, hr in enumerate(trained_on)
    ]
    seen = [lens_evidence(photo, 4) for photo in taken]
    found = fit_lens([one for one in seen if isinstance(one, LensEvidence)], SCALE).lens
    kernel = one_kernel(taken)
    photos = [
        photograph(hr, truth, NOISE, stream(0, "held", number)) for number, hr in enumerate(held)
    ]
    show("bicubic", [by_place([to_uint8(bicubic(lr, SCALE)) for lr in photos], held)])
    kinds = {
        "one kernel": [degrade(hr, kernel, SCALE) for hr in trained_on],
        "found lens": [degrade_by_lens(hr, found, SCALE) for hr in trained_on],
        "true lens": [degrade_by_lens(hr, truth, SCALE) for hr in trained_on],
    }
    for name, lr in kinds.items():
        scores = []
        for seed in options.seeds:
            network = train(lr, trained_on, options.steps, seed)
            scores.append(by_place([upscale_image(network, photo) for photo in photos], held))
        show(name, scores)


class Correction(RRDBNet):
    """Adds what it has learnt to bicubic upsampling, at first nothing."""

    def __init__(self) -> None:
        super().__init__(SCALE, features=24, blocks=2, growth=12)
        torch.nn.init.zeros_(self.conv_last.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, h, w] to [B, 3, SCALE h, SCALE w]."""
        return functional.interpolate(x, scale_factor=SCALE, mode="bicubic") + super().forward(x)


def train(lr: list[F32], hr: list[U8], steps: int, seed: int) -> Correction:
    """Train a small network by L1 on random crops of pairs, with noise on LR."""
    torch.manual_seed(derive(seed, "network") % 2**32)
    network = Correction()
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        small, large = batch(lr, hr, stream(seed, "batch", step))
        loss = functional.l1_loss(network(small), large)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def batch(
    lr: list[F32], hr: list[U8], rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return random crops, NCHW in [0, 1]."""
    small, large = [], []
    for number in rng.integers(len(hr), size=BATCH).tolist():
        row, column = (int(rng.integers(side - CROP + 1)) for side in lr[number].shape[:2])
        small.append(lr[number][row : row + CROP, column : column + CROP])
        across = slice(SCALE * column, SCALE * (column + CROP))
        large.append(hr[number][SCALE * row : SCALE * (row + CROP), across] / np.float32(255))
    noise = rng.normal(0, NOISE / 255, (BATCH, CROP, CROP, 3))
    crops = np.clip(np.stack(small) + noise, 0, 1).astype(np.float32), np.stack(large)
    first, second = (torch.from_numpy(one).permute(0, 3, 1, 2).contiguous() for one in crops)
    return first, second


def by_place(sr: list[U8], hr: list[U8]) -> dict[str, float]:
    """Return the mean over pictures of PSNR in dB by place."""
    radii, found = relative_radii(*hr[0].shape[:2]), {}
    for name, (low, high) in PLACES.items():
        inside = (radii >= low) & (radii < high)
        errors = [
            np.square(mine[inside].astype(float) - truth[inside]).mean()
            for mine, truth in zip(sr, hr, strict=True)
        ]
        found[name] = float(np.mean(10 * np.log10(255**2 / np.array(errors))))
    return found


def show(name: str, scores: list[Mapping[str, float]]) -> None:
    """Print the means over seeds, and their range where there are several."""
    for place in PLACES:
        values = [score[place] for score in scores]
        spread = f" ± {(max(values) - min(values)) / 2:.2f}" if len(values) > 1 else ""
        print(f"{name:12}{place:10}{np.mean(values):7.2f} dB{spread}", flush=True)


if __name__ == "__main__":
    main()
