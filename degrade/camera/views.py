"""The places at which photos are measured, and the scenes of simulated photos."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from degrade.arrays import F64, U8, Image
from degrade.camera.camera_samples import MARGIN, JpegCompression, extent
from degrade.camera.content import content
from degrade.camera.evidence import PhotoStatistics
from degrade.camera.flat import shown
from degrade.camera.jpeg import compressed
from degrade.camera.parameters import from_shares
from degrade.camera.photo_statistics import SIDE, STATISTICS, roughness, summary
from degrade.camera.photograph import ShotVariation, developed, sensor_noise
from degrade.images.colour import to_uint8
from degrade.images.resize import symmetric
from degrade.randomness import stream

VIEWS, LOOKS = 6, 3
"""Patches that are summed up together, and repetitions on each photo."""
PLAIN = 2
"""Photos of each flat place."""
SCENES, MANY = 6, 30
"""Groups of `VIEWS` places that all cameras are simulated on, and that likely ones are, too: by how
much few scenes differ from many hardly depends on the camera."""
OFFERED = 32
"""Places of a picture among which scenes are chosen."""
CANDIDATES, FLAT_SHARE = 40, 0.5
"""Windows that are compared for each `VIEWS` of them that are taken, and the share of these for
which the flattest are: as flat where scenes are offered as where photos are looked at."""
GRID = 16
"""Photos are cropped at multiples of it, so that JPEG's blocks lie as in simulated photos."""


def measure_photo(photo: Image, key: str, seed: int) -> tuple[F64, F64]:
    """Return what a photo shows of its camera, [STATISTICS], and its views' `content`.

    Args:
        photo: [H, W, 3], both at least `SIDE`.
        key: The photo's, such as its hash, for the places to look at.
        seed: Of the draws.
    """
    found, shown = np.zeros(STATISTICS), []
    for look in range(LOOKS):
        rng = stream(seed, "camera-views", key, look)
        corners = _corners(photo, SIDE, VIEWS, GRID, rng)
        cut = np.stack([to_uint8(photo[r : r + SIDE, c : c + SIDE]) for r, c in corners])
        found += summary(cut) / LOOKS
        shown.append(content(cut))
    return found, np.concatenate(shown)


def scene_views(picture: U8, scale: int, key: str, seed: int) -> tuple[U8, F64]:
    """Return places of a sharp picture to photograph, [OFFERED, n, n, 3], and their `content`.

    A picture that is smaller than a place is mirrored at its edges.
    """
    rng, side = stream(seed, "camera-scene", key), scale * extent(SIDE)
    rows, cols = (symmetric(np.arange(max(side, n)), n) for n in picture.shape[:2])
    whole = picture[rows[:, None], cols] if min(picture.shape[:2]) < side else picture
    corners = _corners(whole, side, OFFERED, 1, rng)
    cut = np.stack([whole[r : r + side, c : c + side] for r, c in corners])
    inner = slice(MARGIN * scale, (MARGIN + SIDE) * scale)
    shape = (OFFERED, SIDE, scale, SIDE, scale, 3)
    small = cut[:, inner, inner].reshape(shape).mean((2, 4), dtype=np.float32)
    return cut, content(np.asarray(small + 0.5, np.uint8))


def _corners(
    image: Image, side: int, count: int, step: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Return (row, col) of windows: a share of them anywhere, the others the flattest of many.

    Flat places show noise and what became of it, the others all else.
    """
    most = [(length - side) // step + 1 for length in image.shape[:2]]
    tried = step * rng.integers(most, size=(CANDIDATES * count // VIEWS, 2))
    anywhere = count - round(count * FLAT_SHARE)
    windows = [to_uint8(image[r : r + side, c : c + side]) for r, c in tried[anywhere:]]
    order = anywhere + np.argsort(roughness(np.stack(windows)), kind="stable")
    chosen = [*range(anywhere), *order[: count - anywhere]]
    return [(int(row), int(col)) for row, col in tried[chosen]]


@dataclass(frozen=True)
class Scenes:
    """Scenes, and how their photos are compressed.

    Attributes:
        views: [G, VIEWS, n, n, 3] uint8 of `scene_views`.
        colours: [R, 3] levels, of perfectly flat places; none are photographed if there is none.
        scale: Pixels of a scene per pixel of its photo.
        lossy: How the photos of each of the G scenes are compressed; None where no file is.
        seed: Of noise and of where the mosaic begins, which all cameras share.
    """

    views: U8
    colours: F64
    scale: int
    lossy: tuple[JpegCompression, ...] | None
    seed: int


def simulated(share: F64, scenes: Scenes) -> PhotoStatistics:
    """Return what photos by one camera show, without the axis of cameras.

    Args:
        share: [P], see `parameters.from_shares`.
        scenes: What to photograph.
    """
    photos = [_taken(share, scenes, views, index) for index, views in enumerate(scenes.views)]
    flat = np.array(list(_of_flat_places(share, scenes))).ravel()
    return PhotoStatistics(np.stack([summary(each) for each in photos]), flat)


def _of_flat_places(share: F64, scenes: Scenes) -> Iterator[F64]:
    """Yield `flat.shown` of each flat place, compressed as any of the scenes are."""
    side = scenes.scale * extent(SIDE)
    for index, colour in enumerate(np.round(scenes.colours).astype(np.uint8)):
        yield shown(_taken(share, scenes, np.broadcast_to(colour, (PLAIN, side, side, 3)), index))


def _taken(share: F64, scenes: Scenes, views: U8, index: int) -> U8:
    """Return photos [K, SIDE, SIDE, 3] of views [K, n, n, 3], by the chances of a scene."""
    rng, count = stream(scenes.seed, "camera-chances", index), len(views)
    cameras = from_shares(np.repeat(share[None], count, axis=0))
    bayer = np.repeat(rng.integers(2, size=(1, 2)), count, axis=0)  # as in a photo
    chances = ShotVariation(bayer, sensor_noise(rng, count, cameras, extent(SIDE)))
    inner = slice(MARGIN, MARGIN + SIDE)
    planes = np.ascontiguousarray(views.transpose(0, 3, 1, 2))
    photos = developed(planes, cameras, chances, scenes.scale)[..., inner, inner]
    if scenes.lossy is not None:
        lossy = scenes.lossy[index % len(scenes.lossy)]
        tables = np.repeat(lossy.tables[None], count, axis=0)
        photos = compressed(np.ascontiguousarray(photos), tables, lossy.subsampling)
    display = np.clip(photos, 0, 1).transpose(0, 2, 3, 1)
    return to_uint8(np.asarray(display, np.float32))
