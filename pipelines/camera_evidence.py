"""What photos show of the camera that took them, and the scenes that it is simulated on."""

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from degrade.arrays import F64, U8, Image
from degrade.camera.camera_samples import JpegCompression
from degrade.camera.content import matched
from degrade.camera.flat import FlatPlaces, flattest, pooled
from degrade.camera.jpeg_file import read_compression, standard_compression, traced_quality
from degrade.camera.photo_statistics import SIDE
from degrade.camera.search_settings import CameraSettings
from degrade.camera.views import MANY, SCENES, VIEWS, measure_photo, scene_views
from degrade.images.colour import to_uint8
from degrade.images.files import resolve_inside
from degrade.images.resize import bicubic
from degrade.randomness import derive, stream
from degrade.store.task_results import Arrays
from pipelines.execution.stage_writer import TaskOutput
from pipelines.photos.previous_results import PhotoResults
from pipelines.photos.reading import Photo

TRACED = 8
"""Photos whose pixels are searched for traces of JPEG."""
KINDS = 64
"""Ways of compression that are kept, those of the most files."""
PICTURES = 32
"""Pictures whose places are offered as scenes."""
REDUCTION = 3
"""Factor by which photos are reduced where no clean ones serve as scenes: more than a clean-up's,
for what is left of their blur and sharpening counts as the scenes'."""


@dataclass(frozen=True)
class CameraEvidence:
    """Measures what one photo shows of its camera."""

    seed: int

    def scratch_bytes(self, height: int, width: int) -> int | None:
        """As `pipelines.photos.cache.PhotoMeasure`: the stage saves the result."""
        return 0 if min(height, width) >= SIDE else None

    def __call__(self, pixels: Image) -> Arrays:
        """Return ``statistics`` [S], ``content`` [V, C], and ``gray``: whether all is gray.

        And what `flat.flattest` returns.
        """
        key = str(zlib.crc32(pixels[len(pixels) // 2].tobytes()))
        gray = np.array_equal(pixels[..., 0], pixels[..., 1])
        found, shown = measure_photo(pixels, key, self.seed)
        flat = flattest(pixels)
        return {"statistics": found, "content": shown, "gray": np.array(gray), **flat}


def measure_photos(each: PhotoResults, photos: Sequence[Photo]) -> TaskOutput:
    """Sum up a group of photos, and read how their files are compressed."""
    found, reasons, lossy = [], [], []
    large = [photo for photo in photos if min(photo.height, photo.width) >= SIDE]
    seen = {photo.row: one for photo, one in zip(large, each.find(large), strict=True)}
    for photo in photos:
        looked = seen.get(photo.row)
        reasons.append(_fault(photo, looked))
        lossy.append(read_compression(resolve_inside(Path(photo.folder), photo.path)))
        if looked is not None and not reasons[-1]:
            found.append(looked)
    result: Arrays = {
        "reason": np.array(reasons),
        "tables": np.stack([np.zeros((2, 8, 8)) if one is None else one.tables for one in lossy]),
        "subsampling": np.array(["" if one is None else one.subsampling for one in lossy]),
    }
    if found:
        for name in ("statistics", "blocks", "count"):
            result[name] = np.stack([looked[name] for looked in found])
        result["content"] = np.concatenate([looked["content"] for looked in found])
    return TaskOutput(result, sum(map(bool, reasons)))


def _fault(photo: Photo, looked: Arrays | None) -> str:
    if looked is None:
        return f"{photo.width}x{photo.height} has a side of less than {SIDE} pixels"
    return "has no colour, which shows nothing of a mosaic" if looked["gray"] else ""


def flat_places(results: Sequence[Arrays]) -> FlatPlaces:
    """Return the flat places of all photos together."""
    both = [(result["blocks"], result["count"]) for result in results if "blocks" in result]
    blocks, counts = (np.concatenate(each) for each in zip(*both, strict=True))
    return pooled(np.asarray(blocks, np.float32), np.asarray(counts, np.int64))


def compressions(
    results: Sequence[Arrays], jpeg: int | None, photos: Sequence[Photo]
) -> tuple[list[tuple[JpegCompression, int]], str]:
    """Return the ways in which files are compressed, the most frequent first, and a word on it."""
    counts: Counter[tuple[bytes, str]] = Counter()
    for result in results:
        for tables, kind in zip(result["tables"], result["subsampling"], strict=True):
            if kind:
                counts[np.asarray(tables, np.float32).tobytes(), str(kind)] += 1
    if counts:
        kinds = [
            (JpegCompression(np.frombuffer(data, np.float32).reshape(2, 8, 8), kind), files)
            for (data, kind), files in counts.most_common(KINDS)
        ]
        return kinds, f"{sum(counts.values())} JPEG files, compressed in {len(counts)} ways"
    if jpeg is not None:
        return [(standard_compression(jpeg), 1)], f"no JPEG files; quality {jpeg} given"
    traces = [traced_quality(photo.read()) for photo in photos[:TRACED]]
    seen = [quality for quality in traces if quality is not None]
    if 2 * len(seen) > len(traces):
        quality = int(np.median(seen))
        said = f"no JPEG files; their pixels show traces of quality {quality}"
        return [(standard_compression(quality), 1)], said
    return [], "no JPEG files, and no traces of JPEG: none is simulated (--jpeg QUALITY adds it)"


def compressions_of_scenes(
    kinds: Sequence[tuple[JpegCompression, int]],
) -> tuple[JpegCompression, ...] | None:
    """Return how the photos of each scene are compressed: in the files' ways, as often."""
    if not kinds:
        return None
    ends = np.cumsum([files for _, files in kinds])
    places = (np.arange(SCENES) + 0.5) / SCENES * ends[-1]
    return tuple(kinds[int(row)][0] for row in np.searchsorted(ends, places))


def chosen_scenes(settings: CameraSettings, scenes: Sequence[Photo], shown: F64) -> U8:
    """Return [MANY, VIEWS, n, n, 3]: places of scenes that look like the photos.

    So do the first ``SCENES`` of them by themselves.

    Args:
        settings: Of the stage.
        scenes: The pictures.
        shown: `content` of the photos' views.
    """
    order = sorted(scenes, key=lambda p: derive(settings.seed, "camera-scenes", p.sha256))
    offered = [
        scene_views(scene_of(photo), settings.scale, photo.sha256, settings.seed)
        for photo in order[:PICTURES]
    ]
    cut, features = (np.concatenate(column) for column in zip(*offered, strict=True))
    rng = stream(settings.seed, "camera-scenes")
    few, others = np.split(matched(shown, features, MANY * VIEWS), [SCENES * VIEWS])
    rows = np.concatenate([rng.permutation(few), rng.permutation(others)])
    return np.asarray(cut[rows].reshape(MANY, VIEWS, *cut.shape[1:]), np.uint8)


def scene_of(photo: Photo) -> U8:
    """Return a photo as a scene: clean ones as they are, others reduced."""
    pixels = photo.read()
    if photo.domain == "source":
        pixels = np.clip(bicubic(pixels, Fraction(1, REDUCTION)), 0, 1)
    return to_uint8(pixels)
