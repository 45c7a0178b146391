"""The kinds of pairs that `benchmarks.worth` compares, and how each is made."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from degrade import second_order
from degrade.arrays import I64, U8
from degrade.camera.camera_samples import CameraSamples, JpegCompression, taken_tile
from degrade.camera.jpeg_file import read_compression, standard_compression, traced_quality
from degrade.camera.parameters import from_shares, uniform_shares
from degrade.camera.search_settings import CameraSettings
from degrade.errors import SettingsError
from degrade.images.colour import to_uint8
from degrade.images.decode import decode, read_image
from degrade.images.files import find_files
from degrade.images.resize import symmetric
from degrade.images.write import write_png
from degrade.kernels.estimator_settings import SpectralSettings
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings, make_hr, tile_grid
from degrade.randomness import stream
from pipelines.execution.cluster import connect
from pipelines.phones.catalogue import PHONES
from pipelines.phones.processor import take
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import use_sources
from pipelines.stages.estimate_camera import estimate_camera
from pipelines.stages.estimate_kernels import estimate_kernels
from pipelines.stages.mine_noise import mine_noise

SCALE, TILE = 2, 96
NOISE_PATCH = 64
"""Side on the HR grid: photos of 512x384 pixels have no smooth windows of the usual 256, and fewer
still where the scale is larger; LR crops are three quarters of it."""
AROUND = 48
"""HR pixels beside a tile that are degraded with it, for what blurs reach."""
TIMES = 3
"""LR images that are written of each tile: cameras make theirs anew for each crop, and draws that
come again and again would be learnt by heart."""
Kind = Literal["bicubic", "estimated"]


@dataclass(frozen=True)
class Job:
    """What pairs are to be made of: the folder and clean photos, if any, and where they go."""

    data: Path
    target: Path | None
    scale: int
    seed: int
    folder: Path

    @property
    def store(self) -> str:
        """Location of the row's store."""
        return str(self.folder / "pairs.zarr")

    @property
    def folders(self) -> tuple[Path, Path]:
        """The row's LR and HR images, where it has no store."""
        return self.folder / "lr", self.folder / "hr"


@dataclass(frozen=True)
class Made:
    """What a row is trained on.

    Attributes:
        kind: ``store``; ``clean``: only those of the store's pairs that are of clean photos;
            ``folders``: of LR and HR images.
        noise: Whether the store's mined noise is added to LR.
        note: What is to be known about it.
    """

    kind: Literal["store", "clean", "folders"]
    noise: bool = False
    note: str = ""


@dataclass(frozen=True)
class Way:
    """A kind of pairs: its name in the table, and the function that makes them."""

    label: str
    make: Callable[[Job], Made]


TakeTile = Callable[[U8, tuple[int, int], np.random.Generator], tuple[U8, U8]]
"""Takes an HR picture, a tile's row and column, and draws to the HR tile and its LR."""


def build_store(
    location: str,
    photos: Path,
    kernels: Kind,
    seed: int,
    target: Path | None = None,
    **fields: Any,
) -> None:
    """Run the stages that the kind of pairs needs, in this process.

    With clean photos (``target``) there are pairs of them beside those of the cleaned-up photos.
    ``fields`` are of `PairSettings`.
    """
    common = {"scale": SCALE, "tile": TILE, "kernels": kernels, "seed": seed}
    pairs = PairSettings(**{**common, **fields})
    with connect(0) as client:
        use_sources(location, client, photos, target)
        if kernels == "estimated":
            estimate_kernels(location, client, SpectralSettings(scale=pairs.scale))
            mine_noise(location, client, NoiseSettings(patch=NOISE_PATCH // pairs.scale))
        build_pairs(location, client, pairs)


def fields_of(job: Job) -> dict[str, Any]:
    """Return what a job says of the settings of pairs.

    No clean photo is kept for validation: `valid` is there for that.
    """
    share = {} if job.target is None else {"valid": 0.0}
    return {"scale": job.scale, "tile": TILE, "seed": job.seed, **share}


def make_bicubic(job: Job) -> Made:
    """Reduce HR, and that is all."""
    return _make_linear(job, "bicubic")


def make_linear(job: Job) -> Made:
    """Blur by kernels that were estimated on the photos; their noise is added in training."""
    return _make_linear(job, "estimated")


def _make_linear(job: Job, kernels: Kind) -> Made:
    fields = fields_of(job)
    build_store(job.store, job.data / "source", kernels, target=job.target, **fields)
    return Made("clean" if job.target else "store", noise=kernels == "estimated")


def make_camera(job: Job) -> Made:
    """Find the cameras that may have taken the photos; LR is taken in training."""
    pairs = PairSettings(degradation="camera", **fields_of(job))
    with connect(0) as client:
        use_sources(job.store, client, job.data / "source", job.target)
        found = estimate_camera(job.store, client, CameraSettings(seed=job.seed))
        build_pairs(job.store, client, pairs)
    return Made("store", note=f"misfit {found.misfit:.2f}; {found.compression}")


def make_random(job: Job) -> Made:
    """Take each tile with another camera, of which only the compression is the photos'."""
    lossy = compressions(job.data / "source")
    frequency = np.full(len(lossy), 1 / max(1, len(lossy)))

    def take_tile(hr: U8, corner: tuple[int, int], rng: np.random.Generator) -> tuple[U8, U8]:
        bank = CameraSamples(from_shares(uniform_shares(rng, 1)), lossy, frequency)
        return taken_tile(hr, corner, TILE, job.scale, bank, rng)

    return write_tiles(job, take_tile)


def make_second_order(job: Job) -> Made:
    """Degrade each tile as Real-ESRGAN does."""
    inner = slice(AROUND // job.scale, (AROUND + TILE) // job.scale)

    def take_tile(hr: U8, corner: tuple[int, int], rng: np.random.Generator) -> tuple[U8, U8]:
        top, left = corner
        rows, cols = (_around(at, side) for at, side in zip(corner, hr.shape[:2], strict=True))
        lr = second_order.degraded(hr[rows[:, None], cols], job.scale, rng)
        return hr[top : top + TILE, left : left + TILE], lr[inner, inner]

    return write_tiles(job, take_tile)


def make_truth(job: Job) -> Made:
    """Photograph the clean photos with the phone; HR has its tones."""
    name = job.data.resolve().name
    if job.target is None or name not in PHONES:
        raise SettingsError(
            f"{job.data}: the truth is known of folders that are named as a phone "
            f"({', '.join(PHONES)}), and with clean photos (--target)"
        )
    if PHONES[name].scale != job.scale:
        raise SettingsError(f"{job.data}: is x{PHONES[name].scale}; pass it as --scale")
    for scene, hr in pictures(job):
        for again in range(TIMES):
            shot, file = take(hr, PHONES[name], f"{name}/{scene}/{again}", job.seed), "shot.jpg"
            _write(job, f"{scene}_{again}", shot.hr, to_uint8(decode(shot.jpeg, file)))
    return Made("folders")


WAYS = {
    "bicubic": Way("bicubic pairs", make_bicubic),
    "linear": Way("full pipeline", make_linear),
    "camera": Way("found cameras", make_camera),
    "random": Way("random cameras", make_random),
    "second-order": Way("second-order pool", make_second_order),
    "truth": Way("true phone", make_truth),
}


def compressions(photos: Path) -> tuple[JpegCompression, ...]:
    """Return how each file of a folder is compressed; one for all by traces, where none is JPEG."""
    paths = [photos / name for name in find_files(photos).images]
    found = [lossy for lossy in map(read_compression, paths) if lossy is not None]
    if found:
        return tuple(found)
    traces = [quality for path in paths if (quality := traced_quality(read_image(path)))]
    return (standard_compression(int(np.median(traces))),) if 2 * len(traces) > len(paths) else ()


def pictures(job: Job) -> Iterator[tuple[str, U8]]:
    """Yield name and pixels of what serves as HR: clean photos, or the photos after clean-up."""
    folder, cleanup = (job.target, 1) if job.target else (job.data / "source", 2)
    for name in find_files(folder).images:
        yield Path(name).stem, make_hr(read_image(folder / name), cleanup, job.scale)


def write_tiles(job: Job, take_tile: TakeTile) -> Made:
    """Write the tiles of all pictures as folders, each of them `TIMES` times."""
    for name, hr in pictures(job):
        for top, left in tile_grid(hr.shape[0], hr.shape[1], TILE):
            for again in range(TIMES):
                rng = stream(job.seed, "worth", name, top, left, again)
                _write(job, f"{name}_{top}_{left}_{again}", *take_tile(hr, (top, left), rng))
    return Made("folders")


def _around(start: int, length: int) -> I64:
    """Return the pixels of an axis that are degraded with a tile."""
    return symmetric(start - AROUND + np.arange(TILE + 2 * AROUND), length)


def _write(job: Job, name: str, hr: U8, lr: U8) -> None:
    for folder, image in zip(job.folders, (lr, hr), strict=True):
        write_png(folder / f"{name}.png", image)
