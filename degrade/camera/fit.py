"""Finding cameras whose photos would look like the photos: simulation, emulation, sampling.

Photos are summed up as statistics; cameras drawn from wide ranges are simulated on scenes; what
statistics follow from which parameters is emulated; and cameras are sampled in proportion to their
synthetic likelihood (Wood, "Statistical inference for noisy nonlinear ecological dynamic systems",
2010). Likely ones are simulated on other scenes, which tells what scenes change, and more beside
them, so that the emulator is good there.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from degrade.arrays import F64, Bool
from degrade.camera.emulator import Emulator, emulate
from degrade.camera.parameters import PARAMETERS, Cameras, from_shares
from degrade.randomness import stream


class Simulate(Protocol):
    """Simulates cameras."""

    def __call__(self, shares: F64, *, elsewhere: bool) -> F64:
        """Take shares [N, P] of cameras to the statistics [N, G, S] of their photos of G scenes.

        The scenes are the same ones each time, so that cameras differ by themselves alone; or, if
        ``elsewhere``, others for each camera.
        """


FIRST, LATER, ELSEWHERE = 384, 224, 32
"""Cameras simulated at first, then where likely ones are, and between them on other scenes."""
CONTENT = 0.3
"""Share of the scenes' covariance by which what is photographed differs from the scenes, however
many of both are looked at: people do not photograph what clean photos show."""
CAMERAS = 64
"""Likely cameras that are kept."""
DISCREPANCY = 0.1
"""Of a statistic, as a share of its spread over all cameras: simulations are never nearer."""
CHAINS, STEPS = 96, 3000
BURNT = 0.7
"""Share of a chain that is not kept; the temperature falls over its first half."""
HOTTEST = 30.0
JITTER = 0.05
OLD = 0.3
"""Weight of the first round's cameras beside those of later ones."""
_NAMES = list(PARAMETERS)
_IS_CHOICE: Bool = np.array([p.spacing == "choice" for p in PARAMETERS.values()])


@dataclass(frozen=True)
class Fitted:
    """Likely cameras, and how well their photos agree with the photos.

    Attributes:
        cameras: `CAMERAS` of them, as likely as often.
        misfit: Root mean square over the statistics of what is left between the photos and the
            mean likely camera, in standard deviations that scenes and emulation explain: near 1
            where a camera of this kind took the photos.
        simulated: Cameras simulated in all.
    """

    cameras: Cameras
    misfit: float
    simulated: int


def fit_cameras(observed: F64, simulate: Simulate, seed: int) -> Fitted:
    """Sample the cameras that photos may have been taken with.

    Args:
        observed: [n, S], `statistics.summary` of each photo.
        simulate: Takes photos of G scenes.
        seed: Of all draws.
    """
    rng = stream(seed, "camera-fit")
    shares = rng.random((FIRST, len(_NAMES)))
    found = simulate(shares, elsewhere=False)
    spread = found.mean(axis=1).std(axis=0) + 1e-6
    emulator = emulate(shares, found.mean(axis=1), np.ones(FIRST))
    near = (found - found.mean(axis=1, keepdims=True)).reshape(-1, found.shape[2])
    content = Content(_shrunk(near), np.zeros(found.shape[2]), found.shape[1])
    likely, _ = _sampled(emulator, observed, content, spread, rng)

    others = likely[rng.choice(len(likely), ELSEWHERE)]
    away = simulate(others, elsewhere=True) - emulator(others)[:, None]
    rows = away.reshape(-1, away.shape[2])
    content = Content(_shrunk(rows - rows.mean(axis=0)), rows.mean(axis=0), found.shape[1])
    likely, _ = _sampled(emulator, observed, content, spread, rng)

    fresh = _beside(likely[rng.choice(len(likely), LATER)], rng)
    shares = np.concatenate([shares, fresh])
    found = np.concatenate([found, simulate(fresh, elsewhere=False)])
    trust = np.where(np.arange(len(shares)) < FIRST, OLD, 1.0)
    emulator = emulate(shares, found.mean(axis=1), trust)
    likely, misfit = _sampled(emulator, observed, content, spread, rng)
    kept = likely[rng.choice(len(likely), CAMERAS, replace=False)]
    return Fitted(from_shares(kept), misfit, len(shares) + ELSEWHERE)


@dataclass(frozen=True)
class Content:
    """How statistics depend on what is photographed.

    Attributes:
        covariance: [S, S], between groups of scenes.
        offset: [S], of many scenes' mean from that of the few that cameras are compared on.
        groups: How many these are.
    """

    covariance: F64
    offset: F64
    groups: int


def _sampled(
    emulator: Emulator, observed: F64, content: Content, spread: F64, rng: np.random.Generator
) -> tuple[F64, float]:
    """Return likely shares [n, P], and the misfit of their mean.

    The photos' statistics differ from emulated ones by what other photos and other scenes would
    have changed, the emulator's error, and what no simulation gets right.
    """
    weight = CONTENT + 1 / len(observed) + 1 / content.groups
    own = emulator.error + np.square(DISCREPANCY * spread)
    covariance = weight * content.covariance + np.diag(own)
    target = observed.mean(axis=0) - content.offset
    likely = _chains(emulator, target, np.asarray(np.linalg.inv(covariance)), rng)
    left = (emulator(likely).mean(axis=0) - target) / np.sqrt(np.diag(covariance))
    return likely, float(np.sqrt(np.square(left).mean()))


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


def _beside(shares: F64, rng: np.random.Generator) -> F64:
    """Return cameras a little away from others, of the same choices."""
    step = JITTER * rng.standard_normal(shares.shape)
    return _inside(np.where(_IS_CHOICE, shares, shares + step))


def _inside(shares: F64) -> F64:
    """Mirror shares that left [0, 1) back into it."""
    shares = np.abs(shares)
    return np.asarray(np.clip(1 - np.abs(1 - shares), 0, 1 - 1e-9))
