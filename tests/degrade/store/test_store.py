"""The store: what is written is what is read, and what does not belong is refused."""

from pathlib import Path

import numpy as np
import pytest
import zarr

from degrade.errors import StoreError
from degrade.store.parts import load_part, present_parts, save_part
from degrade.store.reader import open_store
from degrade.store.schema import NOISE, NOISE_COLUMNS
from degrade.store.stages import StageIdentity, begin_stage, discard_stage, finish_stage
from degrade.store.writer import (
    create_tiles,
    open_for_writing,
    tiles_per_chunk,
    write_columns,
    write_rows,
    write_tiles,
)
from tests.photos import is_mapped

IDENTITY = StageIdentity("mine-noise", {"patch": 32}, {"photos": "abc"})


def make_bank(location: str, count: int = 300, side: int = 32) -> np.ndarray:
    tiles = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    tiles[:5] = 0
    begin_stage(location, NOISE, IDENTITY)
    per_chunk = tiles_per_chunk(side)
    create_tiles(location, NOISE, "patches", tiles.shape, per_chunk)
    for chunk, start in enumerate(range(0, count, per_chunk)):
        write_tiles(location, NOISE, "patches", chunk, tiles[start : start + per_chunk])
    values = {
        "source": range(count),
        "row": range(count),
        "col": range(count),
        "mean": np.zeros((count, 3)),
        "variance": np.arange(count),
    }
    write_columns(location, NOISE, NOISE_COLUMNS, values)
    finish_stage(location, NOISE)
    return tiles


def test_tiles_are_read_back_by_mapping_and_by_any_zarr_client(tmp_path: Path) -> None:
    location = str(tmp_path / "s.zarr")
    tiles = make_bank(location)
    bank = open_store(location).noise()
    assert np.array_equal(np.stack(list(bank.patches)), tiles)
    assert np.array_equal(bank.patches.crop(290, 3, 5, 8), tiles[290, 3:11, 5:13])
    array = zarr.open_array(f"{location}/noise/patches", mode="r")
    assert np.array_equal(array[...], tiles)
    assert is_mapped(bank.patches.tile(7))
    chunk = (tmp_path / "s.zarr" / "noise" / "patches" / "c" / "0" / "0" / "0" / "0").read_bytes()
    assert chunk[: tiles[0].size * 6] == tiles[:6].tobytes()


@pytest.mark.parametrize("sizes", [[5000], [1, 4998, 1], [700] * 7 + [100]])
def test_rows_leave_the_same_files_however_they_come(tmp_path: Path, sizes: list[int]) -> None:
    values = np.random.default_rng(1).random((5000, 16, 16), dtype=np.float32)
    files = []
    for name, ends in (("whole", []), ("parts", np.cumsum(sizes)[:-1])):
        location = str(tmp_path / name)
        begin_stage(location, NOISE, IDENTITY)
        parts = iter(np.split(values, ends))
        write_rows(location, NOISE, "weights", len(values), parts, "kernels")
        assert np.array_equal(zarr.open_array(f"{location}/noise/weights", mode="r")[...], values)
        folder = Path(location, "noise", "weights")
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        assert len(paths) == 3
        files.append({str(path.relative_to(folder)): path.read_bytes() for path in paths})
    assert files[0] == files[1]


def test_columns_and_content_hash(tmp_path: Path) -> None:
    make_bank(str(tmp_path / "a.zarr"))
    make_bank(str(tmp_path / "b.zarr"))
    a, b = (open_store(tmp_path / f"{name}.zarr").noise() for name in "ab")
    assert a.content == b.content and len(a.content) == 64
    assert a.variance.dtype == np.float32 and a.mean.shape == (300, 3)


def test_stage_states(tmp_path: Path) -> None:
    location = str(tmp_path / "s.zarr")
    assert begin_stage(location, NOISE, IDENTITY) == "fresh"
    assert begin_stage(location, NOISE, IDENTITY) == "resumed"
    with pytest.raises(StoreError, match="noise is unfinished; run `degrade mine-noise` again"):
        open_store(location).noise()
    make_bank(location)
    assert begin_stage(location, NOISE, IDENTITY) == "complete"
    other = StageIdentity("mine-noise", {"patch": 64}, {"photos": "abc"})
    with pytest.raises(StoreError, match="patch = 32, not 64; pass --overwrite"):
        begin_stage(location, NOISE, other)
    assert begin_stage(location, NOISE, other, overwrite=True) == "fresh"
    discard_stage(location, NOISE)
    with pytest.raises(StoreError, match="has no noise; run `degrade mine-noise` first"):
        open_store(location).noise()


def test_unfinished_stage_of_other_software_is_refused(tmp_path: Path) -> None:
    location = str(tmp_path / "s.zarr")
    begin_stage(location, NOISE, IDENTITY)
    group = open_for_writing(location)[NOISE]
    group.attrs["software"] = {**dict(group.attrs["software"]), "numpy": "1.0"}
    with pytest.raises(StoreError, match=r"numpy 1\.0, not .*--overwrite"):
        begin_stage(location, NOISE, IDENTITY)


def test_a_chunk_is_written_whole(tmp_path: Path) -> None:
    location = str(tmp_path / "s.zarr")
    begin_stage(location, NOISE, IDENTITY)
    create_tiles(location, NOISE, "patches", (6, 16, 16, 3), 4)
    with pytest.raises(StoreError, match="chunk 1 takes 2 tiles, not 3"):
        write_tiles(location, NOISE, "patches", 1, np.zeros((3, 16, 16, 3), np.uint8))


def test_a_chunk_cut_short_is_named(tmp_path: Path) -> None:
    make_bank(str(tmp_path))
    chunk = tmp_path / "noise" / "patches" / "c" / "0" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-1])
    with pytest.raises(StoreError, match="c/0/0/0/0: chunk is missing or cut short"):
        open_store(tmp_path).noise().patches.tile(0)


def test_places_that_are_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store here; run `degrade check SRC"):
        open_store(tmp_path / "none.zarr")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(StoreError, match="exists and is not a degrade store"):
        open_for_writing(str(tmp_path / "full"))
    with pytest.raises(StoreError, match="is not a degrade store"):
        open_store(tmp_path / "full")
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="exists and is not a degrade store"):
        open_for_writing(str(tmp_path / "file"))
    zarr.open_group(tmp_path / "alien", mode="w").attrs["owner"] = "someone"
    with pytest.raises(StoreError, match="a Zarr group but not a degrade store"):
        open_for_writing(str(tmp_path / "alien"))


def test_newer_version_is_refused(tmp_path: Path) -> None:
    open_for_writing(str(tmp_path)).attrs["version"] = 2
    for opened in (open_store, lambda path: open_for_writing(str(path))):
        with pytest.raises(StoreError, match="version 2, this degrade reads up to 1; upgrade"):
            opened(tmp_path)


def test_a_part_is_whole_or_absent(tmp_path: Path) -> None:
    location = str(tmp_path)
    save_part(location, "g", 3, {"a": np.arange(5), "b": np.array("text")})
    part = load_part(location, "g", 3)
    assert part is not None
    assert np.array_equal(part["a"], np.arange(5)) and str(part["b"]) == "text"
    path = tmp_path / ".parts" / "g" / "00000003.npz"
    whole = path.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert load_part(location, "g", 3) is None
        assert present_parts(location, "g") == {3}
