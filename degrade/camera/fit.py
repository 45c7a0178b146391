"""Finding cameras whose photos would look like the photos: simulation, emulation, sampling.

Photos are summed up as statistics; cameras drawn from wide ranges are simulated on scenes; what
statistics follow from which parameters is emulated; and cameras are sampled in proportion to their
synthetic likelihood (Wood, "Statistical inference for noisy nonlinear ecological dynamic systems",
2010). Likely cameras are then simulated themselves, round after round, for an emulator that is
right near them (Papamakarios, Sterratt and Murray, "Sequential neural likelihood", 2019). What the
emulator does not know counts as what may be, so that the next round looks there, too (Jaervenpaeae
et al., "Efficient acquisition rules for model-based approximate Bayesian computation", 2019).
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from degrade.arrays import F64, I64, Bool
from degrade.camera.emulator import Emulator, emulate
from degrade.camera.evidence import CONTENT, Discrepancy, PhotoStatistics
from degrade.camera.parameters import PARAMETERS, Cameras, from_shares, uniform_shares
from degrade.randomness import stream

ANYWHERE = 256
"""Cameras that are simulated at first, drawn from anywhere in the ranges."""
ROUNDS, EACH = 4, 80
"""Rounds of likely ones that are simulated then, and cameras of a round."""
NEAREST = 16
"""Cameras that tell how large the share of content is."""
ALSO = 4
"""Nearest cameras that are simulated on many scenes, too, in each round and after the last."""
CAMERAS = 64
"""Cameras that are kept."""
DISCREPANCY = 0.1
"""How near a simulation's statistic comes at best, as a share of its spread over all cameras."""
DIRECTIONS = 40
"""Directions of what photos show along which the nearer cameras differ, and which are emulated."""
NEARER = 0.6
"""Share of the cameras that are the nearer ones."""
SOFT = 5.0
"""Standard deviations up to which differences count in full, and beyond which by their logarithm:
the emulator need not know how wrong a camera is that is clearly wrong."""
SIMULATED = ANYWHERE + ROUNDS * EACH + 2 * CAMERAS
"""Cameras that are simulated in all, on few scenes."""
SIMULATED_ON_MANY = (ROUNDS + 1) * ALSO
"""Simulations of nearest cameras on many scenes, in all."""
CHAINS, STEPS = 96, 3000
BURNT = 0.7
"""Share of a chain that is not kept; the temperature falls over its first half."""
HOTTEST = 30.0
_NAMES = list(PARAMETERS)
_TONE = _NAMES.index("tone")
_IS_CHOICE: Bool = np.array([p.spacing == "choice" for p in PARAMETERS.values()])


class Simulate(Protocol):
    """Takes photos."""

    def __call__(self, shares: F64, *, many: bool = False) -> PhotoStatistics:
        """Return what photos show of cameras at shares [N, P].

        With ``many`` they are of many scenes, of which the others are a part, and not of flat
        places ([N, 0]).
        """


@dataclass(frozen=True)
class FittedCameras:
    """Likely cameras, and how well their photos agree with the photos.

    Attributes:
        cameras: The `CAMERAS` nearest that were simulated.
        misfit: Root mean square over the statistics of what the photos and the mean of these
            cameras differ by, in standard deviations of photos and scenes: well below 1 where a
            camera of this kind took the photos.
    """

    cameras: Cameras
    misfit: float


def fit_cameras(
    observed: PhotoStatistics, simulate: Simulate, seed: int, tone: str = "sRGB"
) -> FittedCameras:
    """Find cameras that photos may have been taken with.

    Args:
        observed: What the photos show.
        simulate: Takes photos.
        seed: Of all draws.
        tone: The curve of all cameras, one of `TONES`: noise alone shows it, see `flat.growth`, and
            half of the search would be spent on the other.
    """
    rng = stream(seed, "camera-fit")
    shares = uniform_shares(rng, ANYWHERE, tone)
    found = simulate(shares)
    measure = _Measure.by_few_scenes(observed, found)
    for _ in range(ROUNDS):
        measure = measure.by_many_scenes(shares, found, simulate)
        likely = _likely(shares, measure.of_nearest(found)(found), STEPS // 2, rng)
        more = rng.choice(likely, EACH, replace=False)
        shares, found = np.concatenate([shares, more]), found.and_also(simulate(more))
    measure = measure.by_many_scenes(shares, found, simulate)
    unlike = measure.of_nearest(found)
    likely = _likely(shares, unlike(found), STEPS, rng)
    more = rng.choice(likely, 2 * CAMERAS, replace=False)
    shares, found = np.concatenate([shares, more]), found.and_also(simulate(more))
    # The nearest of all, since the emulator is wrong about some of the last ones, too.
    kept = np.sort(_nearest(unlike(found))[:CAMERAS])
    misfit = measure.of_share(1).misfit(found.rows(kept))
    return FittedCameras(from_shares(shares[kept]), misfit)


@dataclass(frozen=True)
class _Measure:
    """What unlikeness is measured by.

    Attributes:
        observed: What the photos show.
        many: What the nearest cameras show on many scenes; on few, before any was simulated there.
        by_few: [S], how much more few scenes show than many.
        never_nearer: [S], variance of a simulation's statistics.
    """

    observed: PhotoStatistics
    many: PhotoStatistics
    by_few: F64
    never_nearer: F64

    @classmethod
    def by_few_scenes(cls, observed: PhotoStatistics, found: PhotoStatistics) -> "_Measure":
        """Measure by cameras from anywhere, on few scenes."""
        spread = found.scenes.mean(axis=1).std(axis=0)
        never_nearer = np.square(DISCREPANCY * (spread + 1e-6))
        return cls(observed, found, np.zeros(found.scenes.shape[2]), never_nearer)

    def by_many_scenes(self, shares: F64, found: PhotoStatistics, simulate: Simulate) -> "_Measure":
        """Measure by what the nearest of cameras [N, P] show on many scenes."""
        near = np.sort(_nearest(self.of_share(1)(found))[:ALSO])
        many = simulate(shares[near], many=True)
        by_few = found.rows(near).scenes.mean(axis=1) - many.scenes.mean(axis=1)
        return replace(self, many=many, by_few=by_few.mean(axis=0))

    def of_nearest(self, found: PhotoStatistics) -> Discrepancy:
        """Measure by the share of content that explains the nearest cameras, `CONTENT` at least."""
        of_scenes = self.of_share(1)(found)[:, : found.scenes.shape[2]]
        nearest = np.sort(np.square(of_scenes).mean(axis=1))[:NEAREST]
        return self.of_share(float(np.clip(nearest.mean(), CONTENT, 1)))

    def of_share(self, share: float) -> Discrepancy:
        """Measure by a share of content, on few scenes."""
        as_few = PhotoStatistics(self.observed.scenes + self.by_few, self.observed.flat)
        return Discrepancy.of(as_few, self.many, self.never_nearer, share)


def _nearest(unlike: F64) -> I64:
    """Return the rows of cameras by how unlike the photos theirs are, [N, S], the nearest first."""
    return np.asarray(np.argsort(np.square(unlike).sum(axis=1), kind="stable"), np.int64)


def _likely(shares: F64, unlike: F64, steps: int, rng: np.random.Generator) -> F64:
    """Return shares [K, P] as likely as often, by how unlike the photos simulations were [N, S]."""
    nearer = unlike[_nearest(unlike)[: round(NEARER * len(unlike))]]
    _, _, directions = np.linalg.svd(nearer - nearer.mean(axis=0), full_matrices=False)
    along = unlike @ directions[:DIRECTIONS].T
    emulator = emulate(shares, SOFT * np.arcsinh(along / SOFT))
    return _chains(emulator, float(shares[0, _TONE]), steps, rng)


def _chains(emulator: Emulator, tone: float, steps: int, rng: np.random.Generator) -> F64:
    """Sample shares by annealed differential evolution chains (ter Braak, 2006), all of a tone."""

    def log_likelihood(shares: F64) -> F64:
        mean, variance = emulator(shares)
        return np.asarray(-0.5 * (mean**2 / (1 + variance) + np.log1p(variance)).sum(axis=1))

    now = rng.random((CHAINS, len(_NAMES)))
    now[:, _TONE] = tone
    height = log_likelihood(now)
    kept = []
    for step in range(steps):
        temperature = max(1.0, HOTTEST * (1 - 2 * step / steps))
        tried = _proposed(now, rng)
        reached = log_likelihood(tried)
        taken = np.log(rng.random(CHAINS)) * temperature < reached - height
        now[taken], height[taken] = tried[taken], reached[taken]
        if step > BURNT * steps and step % 20 == 0:
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
    tried = np.where(other, rng.random(now.shape), tried)
    tried[:, _TONE] = now[:, _TONE]
    return np.asarray(tried)


def _inside(shares: F64) -> F64:
    """Mirror shares that left [0, 1) back into it."""
    shares = np.abs(shares)
    return np.asarray(np.clip(1 - np.abs(1 - shares), 0, 1 - 1e-9))
