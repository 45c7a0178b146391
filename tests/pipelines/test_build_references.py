"""Building references: right ones first, none that leaks, the same bytes however they are built."""

from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from degrade.errors import NothingToDo, StoreError
from degrade.images.write import write_png
from degrade.pairs import PairSettings
from degrade.references import ReferenceSettings
from degrade.store.reader import open_store
from pipelines.stages import build_references as stage
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.build_references import ReferencesReport, build_references
from pipelines.stages.check import check_photos
from pipelines.stages.verify import verify
from tests.degrade.test_references import rotated, scene
from tests.photos import contents

SETTINGS = ReferenceSettings(scale=2, count=2, candidates=6, features=64)


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of four scenes, each seen twice."""
    folder = tmp_path_factory.mktemp("views")
    for seed in range(4):
        write_png(folder / f"{seed}a.png", scene(seed, 128))
        write_png(folder / f"{seed}b.png", rotated(scene(seed, 128), 12, 1.1))
    return folder


def build(location: Path, views: Path, client: Client, valid: float = 0.0) -> ReferencesReport:
    check_photos(str(location), client, source=views)
    pairs = PairSettings(scale=2, tile=64, cleanup=1, kernels="bicubic", valid=valid)
    build_pairs(str(location), client, pairs)
    return build_references(str(location), client, SETTINGS)


def test_the_other_view_is_found(tmp_path: Path, views: Path, client: Client) -> None:
    report = build(tmp_path / "s", views, client)
    store = open_store(tmp_path / "s")
    pairs, found, sources = store.pairs(2), store.references(2), store.sources()
    scenes = np.array([str(sources.path[row])[0] for row in pairs.source])
    assert (report.pairs, report.count) == (len(pairs.hr), 2) and report.verified > 20
    right = [scenes[pair] == scenes[found.pair[pair, 0]] for pair in range(len(scenes))]
    assert np.mean(right) > 0.9
    assert (np.diff(found.score, axis=1) <= 0).all()
    assert found.hr.shape == (2 * len(pairs.hr), 64, 64, 3)
    for pair, rank in np.ndindex(*found.pair.shape):
        tile = found.hr.tile(pair * found.count + rank)
        assert np.array_equal(tile, pairs.hr.tile(int(found.pair[pair, rank])))


def test_no_reference_leaks(tmp_path: Path, views: Path, client: Client) -> None:
    """None overlaps its pair, and none of a trained pair is kept for validation."""
    build(tmp_path / "s", views, client, valid=0.3)
    store = open_store(tmp_path / "s")
    pairs, found = store.pairs(2), store.references(2)
    for pair, partner in zip(np.arange(len(pairs.hr))[:, None], found.pair, strict=True):
        close = [np.abs(at[partner] - at[pair]) < pairs.tile for at in (pairs.row, pairs.col)]
        assert not ((pairs.source[partner] == pairs.source[pair]) & close[0] & close[1]).any()
        if pairs.split[pair] == "train":
            assert (pairs.split[partner] == "train").all()


def test_same_bytes_with_two_workers_and_after_a_stop(
    tmp_path: Path,
    views: Path,
    client: Client,
    two_workers: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build(tmp_path / "one", views, client)
    build(tmp_path / "two", views, two_workers)
    with monkeypatch.context() as patched:
        patched.setattr(stage, "_write_found", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build(tmp_path / "stopped", views, client)
    with pytest.raises(StoreError, match="unfinished; run `degrade build-references --scale 2`"):
        open_store(tmp_path / "stopped").references(2)
    build(tmp_path / "stopped", views, client)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "stopped")


def test_a_library_of_other_photos(tmp_path: Path, views: Path, client: Client) -> None:
    """Its photos serve, a copy of a pair's own photo never, a broken file is named."""
    own = tmp_path / "own"
    own.mkdir()
    write_png(own / "0a.png", scene(0, 128))
    library = tmp_path / "library"
    library.mkdir()
    write_png(library / "copy.png", scene(0, 128))
    write_png(library / "view.png", rotated(scene(0, 128), -10, 1.0))
    write_png(library / "small.png", scene(1, 32))
    (library / "broken.png").write_bytes(b"no picture")
    location = str(tmp_path / "s")
    check_photos(location, client, source=own)
    build_pairs(location, client, PairSettings(scale=2, tile=64, cleanup=1, kernels="bicubic"))
    report = build_references(location, client, SETTINGS, library)
    assert [path for path, _ in report.refused] == ["broken.png", "small.png"]
    assert report.refused[1][1] == "32x32 is smaller than a tile of 64"
    store = open_store(location)
    found = store.references(2)
    paths = store.column("references/x2/library_path")
    used = found.library_tile[found.library_tile >= 0]
    assert set(paths[used]) == {"view.png"}
    assert not verify(location, client).damaged


def test_damaged_references_are_copied_anew(tmp_path: Path, views: Path, client: Client) -> None:
    build(tmp_path / "s", views, client)
    before = contents(tmp_path / "s")
    chunk = tmp_path / "s/references/x2/hr/c/0/0/0/0/0"
    chunk.write_bytes(chunk.read_bytes()[:-100])
    report = verify(str(tmp_path / "s"), client, repair=True)
    assert report.damaged == report.repaired == ("references/x2/hr/c/0/0/0/0/0",)
    assert contents(tmp_path / "s") == before


def test_too_few_tiles(tmp_path: Path, client: Client) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    write_png(folder / "a.png", scene(0, 100))
    text = (
        r"--count 2: pair 0 has only 0 tiles that do not overlap it and are not kept for "
        r"validation; ask for fewer, add photos, or give a library with --from FOLDER"
    )
    with pytest.raises(NothingToDo, match=text):
        build(tmp_path / "s", folder, client)
    with pytest.raises(StoreError, match="has no references/x2; run `degrade build-references"):
        open_store(tmp_path / "s").references(2)


def test_other_pairs_since(tmp_path: Path, views: Path, client: Client) -> None:
    build(tmp_path / "s", views, client)
    settings = PairSettings(scale=2, tile=64, cleanup=1, kernels="bicubic", seed=5, valid=0.3)
    build_pairs(str(tmp_path / "s"), client, settings, overwrite=True)
    with pytest.raises(StoreError, match="made from other pairs than the store holds now"):
        stage.check_pairs(open_store(tmp_path / "s"), 2)
