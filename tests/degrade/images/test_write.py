"""PNG files are written whole or not at all."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from degrade.errors import DegradeError
from degrade.images.decode import read_image
from degrade.images.write import png_strips, write_png


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


def write_strips(path, image, heights, text=None):
    with png_strips(path, *image.shape[:2], text) as put:
        top = 0
        for height in heights:
            put(image[top : top + height])
            top += height


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 20), st.integers(0, 9))
def test_strips_that_are_read_are_what_was_written(tmp_path_factory, heights, width, seed):
    path = tmp_path_factory.mktemp("png") / "a.png"
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (sum(heights), width, 3), dtype=np.uint8)
    write_strips(path, image, heights)
    assert (read_image(path) == image).all()


def test_strips_and_blocks_do_not_show_in_the_pixels(tmp_path, monkeypatch):
    rows, columns = np.mgrid[:70, :50]
    image = np.stack((rows, columns, rows + columns), -1).astype(np.uint8)
    monkeypatch.setattr("degrade.images.write._BLOCK", 50 * 3 * 4)
    write_strips(tmp_path / "a.png", image, [70])
    write_strips(tmp_path / "b.png", image, [1, 30, 39])
    with Pillow.open(tmp_path / "a.png") as first, Pillow.open(tmp_path / "b.png") as second:
        assert (np.asarray(first) == image).all() and (np.asarray(second) == image).all()
        assert first.info["srgb"] == 0
    Pillow.fromarray(image).save(tmp_path / "pillow.png")
    sizes = [(tmp_path / name).stat().st_size for name in ("a.png", "pillow.png")]
    assert sizes[0] < 2 * sizes[1] < image.size


def test_texts_of_strips_come_before_the_pixels(tmp_path):
    image = np.zeros((2, 3, 3), np.uint8)
    write_strips(tmp_path / "a.png", image, [2], {"made-by": "a test"})
    with Pillow.open(tmp_path / "a.png") as found:
        assert found.info["made-by"] == "a test"
    data = (tmp_path / "a.png").read_bytes()
    assert data[16:26] == struct.pack(">IIBB", 3, 2, 8, 2)


def test_strips_that_do_not_make_up_the_image_leave_no_file(tmp_path):
    image = np.zeros((4, 3, 3), np.uint8)
    with pytest.raises(ValueError, match="3 rows were given for a height of 4"):
        write_strips(tmp_path / "a.png", image, [3])
    with (
        pytest.raises(ValueError, match="not of the image"),
        png_strips(tmp_path / "a.png", 4, 2) as put,
    ):
        put(image)
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_strips_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DegradeError) as caught:
        write_strips(tmp_path / "file" / "a.png", np.zeros((1, 1, 3), np.uint8), [1])
    assert str(caught.value).startswith(f"{tmp_path / 'file' / 'a.png'}: cannot be written (")
