"""CUFED's layout: pairs of `input` with the references of the same names, and refusals."""

from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from degrade.errors import NothingToDo
from degrade.images.decode import read_image
from degrade.images.write import write_png
from degrade.store.reader import open_store
from pipelines.stages.build_references import check_pairs
from pipelines.stages.read_cufed import read_cufed
from pipelines.stages.verify import verify
from tests.cli.answers import one_object
from tests.conftest import Command
from tests.degrade.test_references import rotated, scene


@pytest.fixture
def cufed(tmp_path: Path) -> Path:
    for part in ("input", "ref"):
        (tmp_path / "cufed" / part).mkdir(parents=True)
    for seed in range(3):
        picture = scene(seed, 160)
        write_png(tmp_path / "cufed" / "input" / f"{seed:06}.png", picture)
        write_png(tmp_path / "cufed" / "ref" / f"{seed:06}.png", rotated(picture, 10, 1.1))
    return tmp_path / "cufed"


def test_pictures_and_references_of_one_name_come_together(
    cufed: Path, tmp_path: Path, client: Client
) -> None:
    write_png(cufed / "input" / "small.png", scene(9, 96))
    write_png(cufed / "ref" / "small.png", scene(8, 160))
    place = str(tmp_path / "s.zarr")
    report = read_cufed(place, client, cufed, valid=0.3)
    assert (report.pairs, report.count) == (3, 1)
    assert [name for name, _ in report.refused] == ["small.png"]
    store = open_store(place)
    pairs, found = store.pairs(4), store.references(4)
    check_pairs(store, 4)
    for pair in range(3):
        name = str(store.sources().path[pairs.source[pair]])
        assert np.array_equal(pairs.hr.tile(pair), read_image(cufed / "input" / name))
        assert np.array_equal(found.hr.tile(pair), read_image(cufed / "ref" / name))
    assert pairs.lr.shape[1] == 40 and set(pairs.split) == {"train", "valid"}
    assert not verify(place, client).damaged
    again = read_cufed(place, client, cufed, valid=0.3)
    assert again == report


def test_through_the_command_line(degrade: Command, cufed: Path, tmp_path: Path) -> None:
    place = ["--store", str(tmp_path / "s.zarr")]
    found = one_object(degrade("build-references", *place, "--cufed", str(cufed), "--json"))
    assert (found["pairs"], found["count"]) == (3, 1)


def test_what_is_refused(cufed: Path, tmp_path: Path, client: Client) -> None:
    place = str(tmp_path / "s.zarr")
    with pytest.raises(NothingToDo, match="has no folder input; CUFED has `input` and `ref`"):
        read_cufed(place, client, cufed / "ref")
    write_png(cufed / "input" / "alone.png", scene(5, 160))
    with pytest.raises(NothingToDo, match=r"1 pictures of input have no reference .* first alone;"):
        read_cufed(place, client, cufed)
    write_png(cufed / "ref" / "alone.png", scene(5, 120))
    with pytest.raises(
        NothingToDo, match=r"1 references cannot be used, the first, alone: 120x120 is smaller than"
    ):
        read_cufed(place, client, cufed)
    write_png(cufed / "ref" / "alone.png", scene(5, 200))
    assert read_cufed(place, client, cufed).pairs == 4
