"""How far the LR of pairs is from the photos in what shows a camera, whatever was photographed.

A classifier also sees what people photograph, and hardly minds how strong noise is. Here patches
are compared whose scenes look alike from afar, by the statistics that cameras are found by, in
units of what other scenes would change.
"""

import numpy as np

from degrade.arrays import F64, U8
from degrade.camera.content import content, matched
from degrade.camera.evidence import CONTENT, Discrepancy, PhotoStatistics
from degrade.camera.photo_statistics import SIDE, summary
from degrade.camera.views import VIEWS

GROUPS = 36
"""Groups of `VIEWS` patches of the LR."""
NEVER_NEARER = 0.05
"""How near a statistic comes at best, as a share of what photos differ by."""


def distance(photos: F64, seen: F64, patches: U8, rng: np.random.Generator) -> float:
    """Return the mean over the statistics of the squares of what LR differs by.

    Each difference is in standard deviations of what other photos and other scenes would change,
    none correlated with another (Mahalanobis). Around 1 or below it is as photos of other scenes
    are; LR of another camera has a larger one.

    Args:
        photos: [n, S], `views.measure_photo` of the photos.
        seen: [n, V, C], the `content` of the same places.
        patches: [K, SIDE, SIDE, 3] of the LR.
        rng: Groups those that are chosen.
    """
    wanted = seen.reshape(-1, seen.shape[-1])
    rows = rng.permutation(matched(wanted, content(patches), GROUPS * VIEWS))
    groups = patches[rows].reshape(GROUPS, VIEWS, SIDE, SIDE, 3)
    nothing = np.zeros((1, 0))
    found = PhotoStatistics(np.stack([summary(group) for group in groups])[None], nothing)
    never_nearer = np.square(NEVER_NEARER * photos.std(axis=0) + 1e-3)
    unlike = Discrepancy.of(PhotoStatistics(photos, nothing[0]), found, never_nearer, CONTENT)
    return float(np.square(unlike(found)).mean())
