"""Finding cameras whose photos would look like the photos: simulation, emulation, sampling.

Photos are summed up as statistics; cameras drawn from wide ranges are simulated on scenes; what
statistics follow from which parameters is emulated; and cameras are sampled in proportion to their
synthetic likelihood (Wood, "Statistical inference for noisy nonlinear ecological dynamic systems",
2010). Likely cameras are then simulated themselves, round after round, for an emulator that is
right near them (Papamakarios, Sterratt and Murray, "Sequential neural likelihood", 2019). What the
emulator does not know counts as what may be, so that the next round looks there, too (Jaervenpaeae
et al., "Efficient acquisition rules for model-based approximate Bayesian computation", 2019).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from degrade.arrays import F64, I64, Bool
from degrade.camera.emulator import Emulator, emulate
from degrade.camera.parameters import PARAMETERS, Cameras, from_shares, uniform_shares
from degrade.randomness import stream

ANYWHERE = 256
"""Cameras that are simulated at first, drawn from anywhere in the ranges."""
ROUNDS, EACH = 4, 80
"""Rounds of likely ones that are simulated then, and cameras of a round."""
CONTENT = 0.1
"""Least share of the covariance between photos, and between scenes, by which what is photographed
differs from the scenes, however many of both are looked at: people do not photograph what clean
photos show. How large it is, the nearest cameras tell. A share of 1 hardly told sharpening from
none on two simulated phones, whose own settings differed from the photos by what a share of 0.2
explains."""
NEAREST = 16
"""Number of nearest cameras that the share of `CONTENT` is estimated from."""
FLAT = 0.2
"""Standard deviation by which the photos' flat places differ from perfectly flat ones, see
`flat.QUARTER`; half of its square is common to all brightnesses and colours."""
CAMERAS = 64
"""Likely cameras that are kept."""
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
"""Cameras that are simulated in all."""
CHAINS, STEPS = 96, 3000
BURNT = 0.7
"""Share of a chain that is not kept; the temperature falls over its first half."""
HOTTEST = 30.0
_NAMES = list(PARAMETERS)
_TONE = _NAMES.index("tone")
_IS_CHOICE: Bool = np.array([p.spacing == "choice" for p in PARAMETERS.values()])


@dataclass(frozen=True)
class PhotoStatistics:
    """What photos show of N cameras, or of one.

    Attributes:
        scenes: [N, G, S], `statistics.summary` of photos of G scenes, the same ones for all
            cameras, so that these differ by themselves alone; [n, S] of a folder's n photos.
        flat: [N, E], `flat.FlatPlaces.power` of flat places; [E] of a folder's photos.
    """

    scenes: F64
    flat: F64

    @property
    def means(self) -> F64:
        """Of all scenes and flat places, [N, S + E]."""
        return np.concatenate([self.scenes.mean(axis=1), self.flat], axis=1)

    def rows(self, chosen: slice | I64) -> "PhotoStatistics":
        """Return what some of the cameras show."""
        return PhotoStatistics(self.scenes[chosen], self.flat[chosen])

    def and_also(self, other: "PhotoStatistics") -> "PhotoStatistics":
        """Return what these and other cameras show."""
        scenes, flat = (self.scenes, other.scenes), (self.flat, other.flat)
        return PhotoStatistics(np.concatenate(scenes), np.concatenate(flat))


Simulate = Callable[[F64], PhotoStatistics]
"""Takes shares [N, P] of cameras to what their photos show."""


@dataclass(frozen=True)
class FittedCameras:
    """Likely cameras, and how well their photos agree with the photos.

    Attributes:
        cameras: `CAMERAS` of them, as likely as often.
        misfit: Root mean square over the statistics of what the photos and the mean of these
            cameras differ by, in standard deviations of photos and scenes: well below 1 where a
            camera of this kind took the photos.
    """

    cameras: Cameras
    misfit: float


def fit_cameras(
    observed: PhotoStatistics, simulate: Simulate, seed: int, tone: str = "sRGB"
) -> FittedCameras:
    """Sample the cameras that photos may have been taken with.

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
    never_nearer = np.square(DISCREPANCY * (found.scenes.mean(axis=1).std(axis=0) + 1e-6))
    for _ in range(ROUNDS):
        likely = _likely(shares, _unlike(observed, found, never_nearer)(found), STEPS // 2, rng)
        more = rng.choice(likely, EACH, replace=False)
        shares, found = np.concatenate([shares, more]), found.and_also(simulate(more))
    unlike = _unlike(observed, found, never_nearer)
    likely = rng.choice(_likely(shares, unlike(found), STEPS, rng), 2 * CAMERAS, replace=False)
    # The half that is the less likely are mostly those of which the emulator was wrong.
    taken = simulate(likely)
    kept = np.sort(np.argsort(np.square(unlike(taken)).sum(axis=1), kind="stable")[:CAMERAS])
    whole = _Discrepancy.of(observed, taken, never_nearer, 1)
    return FittedCameras(from_shares(likely[kept]), whole.misfit(taken.rows(kept)))


def _unlike(observed: PhotoStatistics, found: PhotoStatistics, never_nearer: F64) -> "_Discrepancy":
    """Return the discrepancy, with the share of content that explains the nearest cameras."""
    near = found.rows(slice(ANYWHERE if len(found.flat) > ANYWHERE else 0, None))
    whole = _Discrepancy.of(observed, near, never_nearer, 1)
    of_scenes = whole(found)[:, : found.scenes.shape[2]]
    nearest = np.sort(np.square(of_scenes).mean(axis=1))[:NEAREST]
    share = float(np.clip(nearest.mean(), CONTENT, 1))
    return _Discrepancy.of(observed, near, never_nearer, share)


@dataclass(frozen=True)
class _Discrepancy:
    """How far the statistics of cameras' photos are from those of the photos.

    Attributes:
        target: [S], what the photos show.
        deviation: [S], standard deviation by which other scenes change it.
        factor: [S, S], Cholesky factor of its covariance.
    """

    target: F64
    deviation: F64
    factor: F64

    @classmethod
    def of(
        cls, observed: PhotoStatistics, found: PhotoStatistics, never_nearer: F64, share: float
    ) -> "_Discrepancy":
        """Measure by what scenes change of the photos, and of likely cameras' photos.

        Args:
            observed: The photos.
            found: What likely cameras show.
            never_nearer: [S], variance of a simulation's statistics.
            share: Of content, see `CONTENT`.
        """
        scenes, flat = len(never_nearer), found.flat.shape[1]
        covariance = np.zeros((scenes + flat, scenes + flat))
        covariance[:scenes, :scenes] = _of_content(observed.scenes, found.scenes, share)
        covariance[:scenes, :scenes] += np.diag(never_nearer)
        covariance[scenes:, scenes:] = FLAT**2 * (np.eye(flat) + 1) / 2
        target = np.concatenate([observed.scenes.mean(axis=0), observed.flat])
        return cls(target, np.sqrt(np.diag(covariance)), np.linalg.cholesky(covariance))

    def __call__(self, found: PhotoStatistics) -> F64:
        """Return the differences [N, S] in standard deviations, none correlated with another."""
        return np.asarray(
            solve_triangular(self.factor, (found.means - self.target).T, lower=True).T
        )

    def misfit(self, found: PhotoStatistics) -> float:
        """Return `FittedCameras.misfit` of cameras."""
        left = (found.means.mean(axis=0) - self.target) / self.deviation
        return float(np.sqrt(np.square(left).mean()))


def _likely(shares: F64, unlike: F64, steps: int, rng: np.random.Generator) -> F64:
    """Return shares [K, P] as likely as often, by how unlike the photos simulations were [N, S]."""
    order = np.argsort(np.square(unlike).sum(axis=1), kind="stable")
    nearer = unlike[order[: round(NEARER * len(order))]]
    _, _, directions = np.linalg.svd(nearer - nearer.mean(axis=0), full_matrices=False)
    along = unlike @ directions[:DIRECTIONS].T
    emulator = emulate(shares, SOFT * np.arcsinh(along / SOFT))
    return _chains(emulator, float(shares[0, _TONE]), steps, rng)


def _of_content(observed: F64, found: F64, share: float) -> F64:
    """Return the covariance [S, S] of what other photos and other scenes would have changed."""
    of_scenes = (found - found.mean(axis=1, keepdims=True)).reshape(-1, found.shape[2])
    photos = (share + 1 / len(observed)) * _shrunk(observed - observed.mean(axis=0))
    return np.asarray((share + 1 / found.shape[1]) * _shrunk(of_scenes) + photos)


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
