"""The table of other programs that read a store (docs/store.md) says what they do."""

import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from distributed import Client

from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.mine_noise import mine_noise
from tests.docs.pages import page

ROW = re.compile(
    r"^\| ([\w-]+) ([\d.]+)(?: \([^|]*\))? \| (yes|no) \| (yes|no) \| (yes|no) \|", re.M
)
KINDS = ("tiles", "numbers", "words")
TABLE = {name: (tested, reads) for name, tested, *reads in ROW.findall(page("store.md"))}


def by_zarr(folder: Path) -> Any:
    return zarr.open_array(folder, mode="r")[...]


def by_zarrs(folder: Path) -> Any:
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
        return zarr.open_array(folder, mode="r")[...]


def by_tensorstore(folder: Path) -> Any:
    import tensorstore

    place = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(folder)}}
    return tensorstore.open(place, open=True, read=True).result().read().result()


def by_rasterio(folder: Path) -> Any:
    import rasterio

    with rasterio.open(f'ZARR:"{folder}"') as file:
        return file.read()


READERS: dict[str, Callable[[Path], Any]] = {
    "zarr": by_zarr,
    "zarrs": by_zarrs,
    "tensorstore": by_tensorstore,
    "rasterio": by_rasterio,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, photos: Path, client: Client) -> Path:
    place = tmp_path_factory.mktemp("readers") / "s.zarr"
    check_photos(str(place), client, source=photos)
    mine_noise(str(place), client, NoiseSettings(patch=16))
    build_pairs(str(place), client, PairSettings(scale=2, tile=32, kernels="bicubic"))
    return place


def arrays(store: Path) -> dict[str, list[Path]]:
    """Return the folders of a store's arrays by what is in them."""
    found: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for file in sorted(store.rglob("zarr.json")):
        if '"node_type": "array"' in file.read_text():
            array = zarr.open_array(file.parent, mode="r")
            numbers = "numbers" if array.compressors else "tiles"
            found["words" if array.dtype.kind in "OT" else numbers].append(file.parent)
    return found


def test_the_table_is_of_the_readers_here() -> None:
    assert list(TABLE) == list(READERS)


@pytest.mark.parametrize("name", READERS)
def test_a_reader_reads_what_the_table_says(name: str, store: Path) -> None:
    try:
        version(name)
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed (pip install '.[readers]')")
    _, reads = TABLE[name]
    found = arrays(store)
    assert all(found.values())
    for kind, said in zip(KINDS, reads, strict=True):
        for folder in found[kind]:
            assert is_read(READERS[name], folder) == (said == "yes"), (name, folder.name)


def is_read(reader: Callable[[Path], Any], folder: Path) -> bool:
    """Tell whether a reader gives an array's values; it must never give others."""
    try:
        values = np.asarray(reader(folder))
    except Exception:  # each has its own
        return False
    np.testing.assert_array_equal(values, by_zarr(folder))
    return True
