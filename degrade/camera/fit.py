"""Finding cameras whose photos would look like the photos: simulation, emulation, sampling.

Photos are summed up as statistics; cameras drawn from wide ranges are simulated on scenes; what
statistics follow from which parameters is emulated; and cameras are sampled in proportion to their
synthetic likelihood (Wood, "Statistical inference for noisy nonlinear ecological dynamic systems",
2010).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from degrade.arrays import F64, Bool
from degrade.camera.emulator import Emulator, emulate
from degrade.camera.parameters import PARAMETERS, Cameras, from_shares
from degrade.randomness import stream

Simulate = Callable[[F64], F64]
"""Takes shares [N, P] of cameras to the statistics [N, G, S] of their photos of G scenes, the same
ones each time, so that cameras differ by themselves alone."""

SIMULATED = 384
"""Cameras that are simulated, drawn from anywhere in the ranges."""
CONTENT = 1.0
"""Share of the covariance between photos, and between scenes, by which what is photographed differs
from the scenes, however many of both are looked at: people do not photograph what clean photos
show. Less of it narrows the cameras down, to ones that explain the difference of content."""
CAMERAS = 64
"""Likely cameras that are kept."""
DISCREPANCY = 0.1
"""How near a simulation's statistic comes at best, as a share of its spread over all cameras."""
CHAINS, STEPS = 96, 3000
BURNT = 0.7
"""Share of a chain that is not kept; the temperature falls over its first half."""
HOTTEST = 30.0
_NAMES = list(PARAMETERS)
_IS_CHOICE: Bool = np.array([p.spacing == "choice" for p in PARAMETERS.values()])


@dataclass(frozen=True)
class Fitted:
    """Likely cameras, and how well their photos agree with the photos.

    Attributes:
        cameras: `CAMERAS` of them, as likely as often.
        misfit: Root mean square over the statistics of what is left between the photos and the
            mean likely camera, in standard deviations that scenes and emulation explain: well
            below 1 where a camera of this kind took the photos.
    """

    cameras: Cameras
    misfit: float


def fit_cameras(observed: F64, simulate: Simulate, seed: int) -> Fitted:
    """Sample the cameras that photos may have been taken with.

    Args:
        observed: [n, S], `statistics.summary` of each photo.
        simulate: Takes photos of G scenes.
        seed: Of all draws.
    """
    rng = stream(seed, "camera-fit")
    shares = rng.random((SIMULATED, len(_NAMES)))
    found = simulate(shares)
    emulator = emulate(shares, found.mean(axis=1))
    covariance = _uncertainty(found, observed, emulator)
    target, precision = observed.mean(axis=0), np.asarray(np.linalg.inv(covariance), np.float64)
    likely = _chains(emulator, target, precision, rng)
    left = (emulator(likely).mean(axis=0) - target) / np.sqrt(np.diag(covariance))
    kept = likely[rng.choice(len(likely), CAMERAS, replace=False)]
    return Fitted(from_shares(kept), float(np.sqrt(np.square(left).mean())))


def _uncertainty(found: F64, observed: F64, emulator: Emulator) -> F64:
    """Return the covariance [S, S] of the difference between photos and emulated cameras.

    What other photos and other scenes would have changed, the emulator's error, and what no
    simulation gets right.
    """
    of_scenes = (found - found.mean(axis=1, keepdims=True)).reshape(-1, found.shape[2])
    photos = (CONTENT + 1 / len(observed)) * _shrunk(observed - observed.mean(axis=0))
    scenes = (CONTENT + 1 / found.shape[1]) * _shrunk(of_scenes)
    spread = found.mean(axis=1).std(axis=0) + 1e-6
    own = emulator.error + np.square(DISCREPANCY * spread)
    return np.asarray(photos + scenes + np.diag(own))


def _shrunk(deviations: F64) -> F64:
    """Return the covariance of rows, its correlations shrunk as the sample's noise asks.

    Schaefer and Strimmer, "A shrinkage approach to large-scale covariance matrix estimation"
    (2005), target D.
    """
    rows = len(deviations)
    covariance = deviations.T @ deviations / max(1, rows - 1)
    scale = np.sqrt(np.diag(covariance)) + 1e-9
    correlation = covariance / np.outer(scale, scale)
    unit = np.square(deviations / scale)
    variance = (unit.T @ unit / rows - np.square(correlation)) / rows
    off = ~np.eye(len(scale), dtype=bool)
    share = variance[off].sum() / (np.square(correlation[off]).sum() + 1e-9)
    correlation[off] *= 1 - float(np.clip(share, 0.05, 1))
    return np.asarray(correlation * np.outer(scale, scale))


def _chains(emulator: Emulator, target: F64, precision: F64, rng: np.random.Generator) -> F64:
    """Sample shares by annealed differential evolution chains (ter Braak, 2006)."""

    def log_likelihood(shares: F64) -> F64:
        away = emulator(shares) - target
        return np.asarray(-0.5 * np.einsum("ij,ij->i", away @ precision, away))

    now = rng.random((CHAINS, len(_NAMES)))
    height = log_likelihood(now)
    kept = []
    for step in range(STEPS):
        temperature = max(1.0, HOTTEST * (1 - 2 * step / STEPS))
        tried = _proposed(now, rng)
        reached = log_likelihood(tried)
        taken = np.log(rng.random(CHAINS)) * temperature < reached - height
        now[taken], height[taken] = tried[taken], reached[taken]
        if step > BURNT * STEPS and step % 20 == 0:
            kept.append(now.copy())
    return np.asarray(np.concatenate(kept))


def _proposed(now: F64, rng: np.random.Generator) -> F64:
    """Move each chain in some parameters: along the difference of two others, or a little."""
    first, second = rng.integers(CHAINS, size=(2, CHAINS))
    moved = rng.random(now.shape) < 0.3
    moved[np.arange(CHAINS), rng.integers(now.shape[1], size=CHAINS)] = True
    small = rng.standard_normal((2, *now.shape))
    along = 0.6 * (now[first] - now[second]) + 0.01 * small[0]
    step = np.where(rng.random((CHAINS, 1)) < 0.5, along, 0.08 * small[1])
    tried = _inside(np.where(moved, now + step, now))
    other = (rng.random((CHAINS, 1)) < 0.2) & _IS_CHOICE
    return np.where(other, rng.random(now.shape), tried)


def _inside(shares: F64) -> F64:
    """Mirror shares that left [0, 1) back into it."""
    shares = np.abs(shares)
    return np.asarray(np.clip(1 - np.abs(1 - shares), 0, 1 - 1e-9))
