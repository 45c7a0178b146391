"""The lock beside a store: one writer at a time, and nothing left lying about."""

import multiprocessing
import os
from pathlib import Path

import pytest

from degrade.errors import StoreError
from degrade.store.lock import exclusive


def test_nothing_is_left_beside_the_store(tmp_path: Path) -> None:
    location = tmp_path / "deep" / "er" / "s.zarr"
    with exclusive(str(location)):
        assert (tmp_path / "deep" / "er" / "s.zarr.lock").read_text().startswith("process ")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="refused"), exclusive(str(location)):
        raise ValueError("refused")
    assert list(tmp_path.iterdir()) == []
    with exclusive(str(location)):
        location.mkdir()
    assert [path.name for path in location.parent.iterdir()] == ["s.zarr"]


def test_a_refused_second_writer_leaves_the_firsts_lock(tmp_path: Path) -> None:
    location = str(tmp_path / "s.zarr")
    with exclusive(location):
        with pytest.raises(StoreError, match=f"process {os.getpid()} on "), exclusive(location):
            pass
        assert (tmp_path / "s.zarr.lock").exists()
    assert not (tmp_path / "s.zarr.lock").exists()


def _increment(folder: str, turns: int) -> None:
    counter, done = Path(folder) / "count", 0
    while done < turns:
        try:
            with exclusive(f"{folder}/s.zarr"):
                value = int(counter.read_text())
                counter.write_text(str(value + 1))
                done += 1
        except StoreError:
            pass


def test_deleting_the_file_lets_no_two_in(tmp_path: Path) -> None:
    """Lost counts would show two that held the lock together."""
    (tmp_path / "count").write_text("0")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_increment, args=(str(tmp_path), 150)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "450"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["count"]
