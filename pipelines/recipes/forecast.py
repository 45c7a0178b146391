"""What a run will need and give, estimated from the sizes of the photos."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from degrade.images.source_record import SourceRecord
from degrade.images.windows import window_starts
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings, hr_size, tile_grid
from degrade.store.backend import local_path


@dataclass(frozen=True)
class Forecast:
    """How many photos each stage can use, and the most that the store will take on disk."""

    photos: int
    kernel_photos: int
    noise_windows: int
    pairs: int
    pair_photos: int
    noise_bytes: int
    """If every window were a noise patch; most often a few per cent are."""
    pair_bytes: int
    free_bytes: int | None
    """None for a remote store."""


def forecast(
    sources: Sequence[SourceRecord],
    targets: Sequence[SourceRecord],
    location: str,
    kernel_side: int,
    noise: NoiseSettings,
    pairs: PairSettings,
) -> Forecast:
    """Foretell a run's counts and disk from the sizes of the usable photos."""
    folder = local_path(location)
    usable = [record for record in sources if record.status == "ok"]
    clean = [record for record in targets if record.status == "ok"]
    windows = sum(
        len(window_starts(photo.height, noise.patch, noise.step))
        * len(window_starts(photo.width, noise.patch, noise.step))
        for photo in usable
    )
    sizes = [hr_size(p.height, p.width, pairs.cleanup, pairs.scale) for p in usable]
    sizes += [hr_size(p.height, p.width, 1, pairs.scale) for p in clean]
    tiles = [len(tile_grid(height, width, pairs.tile)) for height, width in sizes]
    per_pair = 3 * (pairs.tile**2 + (pairs.tile // pairs.scale) ** 2)
    return Forecast(
        photos=len(usable) + len(clean),
        kernel_photos=sum(min(p.height, p.width) >= kernel_side for p in usable),
        noise_windows=windows,
        pairs=sum(tiles),
        pair_photos=sum(count > 0 for count in tiles),
        noise_bytes=windows * 3 * noise.patch**2,
        pair_bytes=sum(tiles) * per_pair,
        free_bytes=shutil.disk_usage(_existing(folder)).free if folder else None,
    )


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.absolute().parents) if place.exists())
