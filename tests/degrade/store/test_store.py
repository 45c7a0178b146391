"""The store: what is written is what is read, and what does not belong is refused."""

from pathlib import Path

import numpy as np
import pytest
import zarr

from degrade.errors import NothingToDo, StoreError
from degrade.store.backend import open_for_writing
from degrade.store.reader import open_store
from degrade.store.schema import NOISE, NOISE_COLUMNS
from degrade.store.stages import StageIdentity
from degrade.store.task_results import TaskResults
from degrade.store.writer import begin, begin_stage, tiles_per_chunk
from tests.photos import is_mapped

IDENTITY = StageIdentity("mine-noise", {"patch": 32}, {"photos": "abc"})


def make_bank(location: str, count: int = 300, side: int = 32) -> np.ndarray:
    tiles = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    tiles[:5] = 0
    values = {
        "source": range(count),
        "row": range(count),
        "col": range(count),
        "mean": np.zeros((count, 3)),
        "variance": np.arange(count),
    }
    with begin(location, NOISE, IDENTITY) as out:
        raw = out.raw({"patches": tiles.shape}, tiles_per_chunk(side))
        out.checksums(raw.write(0, zip(tiles)))
        out.columns(NOISE_COLUMNS, values)
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
        out = begin_stage(location, NOISE, IDENTITY)
        out.rows("weights", len(values), iter(np.split(values, ends)), "kernels")
        assert np.array_equal(zarr.open_array(f"{location}/noise/weights", mode="r")[...], values)
        folder = Path(location, "noise", "weights")
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        assert len(paths) == 3
        files.append({str(path.relative_to(folder)): path.read_bytes() for path in paths})
    assert files[0] == files[1]


def test_some_kernels_are_read_without_the_others(tmp_path: Path) -> None:
    weights = np.random.default_rng(2).random((5000, 16, 16), dtype=np.float32)
    with begin(str(tmp_path), "kernels/x2", StageIdentity("estimate-kernels", {}, {})) as out:
        out.array("weights", weights)
    store = open_store(tmp_path)
    rows = [4095, 3, 3, 4999]
    assert np.array_equal(store.kernel_weights(2, rows), weights[rows])
    (tmp_path / "kernels" / "x2" / "weights" / "c" / "1" / "0" / "0").write_bytes(b"cut")
    assert np.array_equal(store.kernel_weights(2, rows[:3]), weights[rows[:3]])
    with pytest.raises(StoreError, match="kernels/x2: is damaged"):
        store.kernel_weights(2, rows)


def test_columns_and_content_hash(tmp_path: Path) -> None:
    make_bank(str(tmp_path / "a.zarr"))
    make_bank(str(tmp_path / "b.zarr"))
    a, b = (open_store(tmp_path / f"{name}.zarr").noise() for name in "ab")
    assert a.content == b.content and len(a.content) == 64
    assert a.variance.dtype == np.float32 and a.mean.shape == (300, 3)


def test_stage_states(tmp_path: Path) -> None:
    location = str(tmp_path / "s.zarr")
    assert begin_stage(location, NOISE, IDENTITY).state == "fresh"
    assert begin_stage(location, NOISE, IDENTITY).state == "resumed"
    with pytest.raises(StoreError, match="noise is unfinished; run `degrade mine-noise` again"):
        open_store(location).noise()
    make_bank(location)
    assert begin_stage(location, NOISE, IDENTITY).state == "complete"
    other = StageIdentity("mine-noise", {"patch": 64}, {"photos": "abc"})
    with pytest.raises(StoreError, match="patch = 32, not 64; pass --overwrite"):
        begin_stage(location, NOISE, other)
    assert begin_stage(location, NOISE, other, overwrite=True).state == "fresh"
    begin_stage(location, NOISE, other).discard()
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
    raw = begin_stage(location, NOISE, IDENTITY).raw({"patches": (6, 16, 16, 3)}, 4)
    with pytest.raises(StoreError, match="chunk 1 takes 2 tiles, not 3"):
        raw.write(4, zip(np.zeros((3, 16, 16, 3), np.uint8)))


def test_raw_arrays_are_written_alike_and_checked(tmp_path: Path) -> None:
    big, small = (
        np.random.default_rng(n).integers(0, 256, (10, n, n, 3), np.uint8) for n in (8, 4)
    )
    out = begin_stage(str(tmp_path), NOISE, IDENTITY)
    raw = out.raw({"big": big.shape, "small": small.shape}, 4)
    first = raw.write(0, zip(big[:4], small[:4], strict=True))
    rest = raw.write(4, zip(big[4:], small[4:], strict=True))
    assert [len(first[name]) for name in ("big", "small")] == [1, 1] and len(rest["big"]) == 2
    assert raw.is_intact(0, first) and raw.is_intact(4, rest)
    assert np.array_equal(zarr.open_array(f"{tmp_path}/noise/small", mode="r")[...], small)
    path = tmp_path / "noise" / "small" / "c" / "1" / "0" / "0" / "0"
    path.write_bytes(path.read_bytes()[:-1])
    assert raw.is_intact(0, first) and not raw.is_intact(4, rest)


def test_a_stage_is_finished_by_the_end_of_its_block(tmp_path: Path) -> None:
    location = str(tmp_path)
    with pytest.raises(ZeroDivisionError), begin(location, NOISE, IDENTITY):
        raise ZeroDivisionError
    assert not open_store(location).stages()[NOISE]["complete"], "it was stopped and goes on"
    with pytest.raises(NothingToDo), begin(location, NOISE, IDENTITY) as out:
        assert out.state == "resumed"
        raise NothingToDo("nothing")
    assert NOISE not in open_store(location).stages(), "it found nothing and is taken back"
    with begin(location, NOISE, IDENTITY) as out:
        out.results["windows"] = 3
    assert open_store(location).stages()[NOISE]["windows"] == 3
    with pytest.raises(NothingToDo), begin(location, NOISE, IDENTITY) as out:
        assert not out.needed
        raise NothingToDo("what was finished stays")
    assert open_store(location).stages()[NOISE]["complete"]


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
    results = TaskResults(location, "g")
    results.save(3, {"a": np.arange(5), "b": np.array("text")})
    result = results.load(3)
    assert result is not None
    assert np.array_equal(result["a"], np.arange(5)) and str(result["b"]) == "text"
    path = tmp_path / ".parts" / "g" / "00000003.npz"
    whole = path.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert results.load(3) is None
        assert results.present() == {3}
