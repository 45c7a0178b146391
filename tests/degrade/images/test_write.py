"""PNG files are written whole or not at all."""

from pathlib import Path

import numpy as np
import pytest

from degrade.errors import DegradeError
from degrade.images.decode import read_image
from degrade.images.write import write_png


def test_round_trip_and_replacement(tmp_path: Path) -> None:
    path = tmp_path / "out put.png"
    for seed in range(2):
        rgb = np.random.default_rng(seed).integers(0, 256, (9, 7, 3), dtype=np.uint8)
        write_png(path, rgb[:, ::-1])
        np.testing.assert_array_equal(read_image(path), rgb[:, ::-1])
    assert [file.name for file in tmp_path.iterdir()] == ["out put.png"]


def test_floats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DegradeError, match=r"a\.png: array is float32 \[2, 2, 3\]; give uint8"):
        write_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.float32))  # type: ignore[arg-type]


def test_the_folder_is_made_unless_a_file_is_in_its_place(tmp_path: Path) -> None:
    write_png(tmp_path / "made" / "a.png", np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(DegradeError, match=r"cannot be written \(.*\); check folder, rights"):
        write_png(tmp_path / "made" / "a.png" / "b.png", np.zeros((2, 2, 3), np.uint8))


def test_a_failure_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    write_png(path, np.zeros((2, 2, 3), np.uint8))
    before = path.read_bytes()

    def full_disk(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("PIL.Image.Image.save", full_disk)
    with pytest.raises(DegradeError, match="No space left on device"):
        write_png(path, np.ones((2, 2, 3), np.uint8))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
