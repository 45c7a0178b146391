"""What photos show of their camera, and how unlike it what other cameras show is."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from degrade.arrays import F64, I64

CONTENT = 0.1
"""Least share of the covariance between photos, and between scenes, by which what is photographed
differs from the scenes, however many of both are looked at: people do not photograph what clean
photos show. It is the likeliest of 0.05, 0.1, 0.2, 0.3, 0.5 and 1 for how the pictures of three
sets, and the halves of two of them, differ when those of one are chosen by `content.matched` to be
as those of another and an ideal camera takes both (eight comparisons; 0.05 is hardly less likely).
How large it is at least for a folder, the nearest cameras tell."""
FLAT = 0.2
"""Standard deviation by which the photos' flat places differ from perfectly flat ones, see
`flat.QUARTER`; half of its square is common to all brightnesses and colours."""


@dataclass(frozen=True)
class PhotoStatistics:
    """What photos show of N cameras, or of one.

    Attributes:
        scenes: [N, G, S], `photo_statistics.summary` of photos of G scenes, the same ones for all
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


@dataclass(frozen=True)
class Discrepancy:
    """How unlike the photos what cameras show is.

    Attributes:
        target: [S + E], what the photos show.
        deviation: [S + E], standard deviation by which other scenes change it.
        factor: [S + E, S + E], Cholesky factor of its covariance.
    """

    target: F64
    deviation: F64
    factor: F64

    @classmethod
    def of(
        cls, observed: PhotoStatistics, found: PhotoStatistics, never_nearer: F64, share: float
    ) -> "Discrepancy":
        """Measure by what scenes change of the photos, and of likely cameras' photos.

        Args:
            observed: The photos.
            found: What likely cameras show.
            never_nearer: [S], variance of a simulation's statistics.
            share: Of content, see `CONTENT`.
        """
        scenes, flat = len(never_nearer), len(observed.flat)
        covariance = np.zeros((scenes + flat, scenes + flat))
        covariance[:scenes, :scenes] = _of_content(observed.scenes, found.scenes, share)
        covariance[:scenes, :scenes] += np.diag(never_nearer)
        covariance[scenes:, scenes:] = FLAT**2 * (np.eye(flat) + 1) / 2
        target = np.concatenate([observed.scenes.mean(axis=0), observed.flat])
        factor = np.asarray(np.linalg.cholesky(covariance), np.float64)
        return cls(target, np.sqrt(np.diag(covariance)), factor)

    def __call__(self, found: PhotoStatistics) -> F64:
        """Return the differences [N, S + E] in standard deviations, none correlated with another.

        Those of scenes come first.
        """
        return np.asarray(
            solve_triangular(self.factor, (found.means - self.target).T, lower=True).T
        )

    def misfit(self, found: PhotoStatistics) -> float:
        """Return the root mean square, over statistics, of what the mean of cameras differs by."""
        left = (found.means.mean(axis=0) - self.target) / self.deviation
        return float(np.sqrt(np.square(left).mean()))


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
