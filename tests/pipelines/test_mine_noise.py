"""Mining noise: what gets into the bank, and what is said when nothing does."""

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from distributed import Client

from degrade.arrays import U8
from degrade.errors import NothingToDo, StoreError
from degrade.images.decode import DEFAULT_POLICY, read_image
from degrade.images.write import write_png
from degrade.noise.mining import NoiseSettings
from degrade.store.contents import NoiseBank
from degrade.store.raw import RawArrays
from degrade.store.reader import open_store
from degrade.store.schema import NOISE
from degrade.store.task_results import Arrays, TaskResults
from pipelines.photos.reading import Photo, bounded_groups
from pipelines.stages.check import check_photos
from pipelines.stages.mine_noise import NoiseReport, mine_noise
from pipelines.stages.verify import verify
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import contents, make_photo

SETTINGS = NoiseSettings(patch=32, stride=16)


def mine(
    place: Path, folder: Path, client: Client, settings: NoiseSettings = SETTINGS
) -> tuple[NoiseReport, NoiseBank]:
    check_photos(str(place), client, source=folder)
    report = mine_noise(str(place), client, settings)
    return report, open_store(place).noise()


def test_patches_are_the_photos_pixels(tmp_path: Path, photos: Path, client: Client) -> None:
    report, bank = mine(tmp_path / "s", photos, client)
    sources = open_store(tmp_path / "s").sources()
    assert len(bank.patches) == report.patches > 20
    assert report.windows == 5 * 7 * 9
    for i, patch in enumerate(bank.patches):
        photo = read_image(photos / str(sources.path[bank.source[i]]))
        row, col = int(bank.row[i]), int(bank.col[i])
        assert np.array_equal(patch, photo[row : row + 32, col : col + 32])
        assert np.allclose(bank.mean[i], patch.mean(axis=(0, 1)), atol=1e-3)
    assert bank.variance.min() >= 0.25 and bank.variance.max() < 20
    # grain of 2.5 levels in each channel has 2.5^2 (0.299^2 + 0.587^2 + 0.114^2) in grey
    assert abs(report.deviation / 1.67 - 1) < 0.1
    assert abs(report.mean - 127.5) < 2


def test_a_sky_ramp_is_not_taken_for_noise(tmp_path: Path, client: Client) -> None:
    """A ramp of 15 levels over a patch has variance 18.9, below the published threshold of 20."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(100, 115, 32)[None, :, None] + np.zeros((32, 32, 3))
    assert 18 < ramp.var() < 20
    sky = np.tile(ramp, (2, 1, 1))
    wall = np.full((64, 32, 3), 107.0)
    noise = rng.normal(0, 2, (64, 32, 3))
    for name, picture in {"sky": sky, "wall": wall + noise}.items():
        write_png(tmp_path / "photos" / f"{name}.png", np.round(picture).astype(np.uint8))
    _, bank = mine(tmp_path / "s", tmp_path / "photos", client)
    paths = open_store(tmp_path / "s").sources().path[bank.source]
    assert set(paths) == {"wall.png"} and len(paths) == 3


def test_no_patch_is_one_line_with_the_distribution_and_thresholds(
    degrade: Command, photos: Path, tmp_path: Path
) -> None:
    strict = ("--patch", 16, "--stride", 8, "--max-variance", 1)
    said = refusal(degrade("mine-noise", photos, *strict))
    assert "no noise patch among 1425 windows of 16 pixels (grey variance: min " in said
    assert "5 % " in said and "50 % " in said and "1425 by max_variance" in said
    offers = re.findall(r"--max-variance ([\d.]+) would give (\d+) patches", said)
    assert [int(count) for _, count in offers] == [10, 100]
    assert "no noise" in refusal(degrade("mine-noise", *strict)), "the same again, if asked again"
    assert set(open_store(tmp_path / "degrade.zarr").stages()) == {"sources"}
    for value, count in offers[:1]:
        loose = ("--patch", 16, "--stride", 8, "--max-variance", value, "--json")
        found = one_object(degrade("mine-noise", *loose))
        assert int(count) <= found["patches"] < 3 * int(count)


def test_a_patch_larger_than_the_photos_suggests_a_size(
    degrade: Command, photos: Path, tmp_path: Path
) -> None:
    said = refusal(degrade("mine-noise", photos))
    assert said == (
        "noise patches of 256 pixels fit into none of 5 photos (the largest has 128 rows and "
        "160 columns); give --patch 32"
    )
    assert one_object(degrade("mine-noise", "--patch", 32, "--json"))["patches"] > 0


def test_other_settings_need_overwrite(tmp_path: Path, photos: Path, client: Client) -> None:
    place = tmp_path / "s"
    mine(place, photos, client)
    before = contents(place)
    mine(place, photos, client)
    assert contents(place) == before
    with pytest.raises(StoreError, match=r"max_variance = 20\.0, not 15\.0; pass --overwrite"):
        mine(place, photos, client, SETTINGS.model_copy(update={"max_variance": 15.0}))
    assert contents(place) == before
    fewer = NoiseSettings(patch=16)
    report = mine_noise(str(place), client, fewer, overwrite=True)
    bank = open_store(place).noise()
    assert bank.patches.shape == (report.patches, 16, 16, 3)


def test_the_bank_does_not_depend_on_how_its_copying_is_cut(
    tmp_path: Path, photos: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts without patches lie between others; chunks are of rows of several parts."""
    folder = Path(shutil.copytree(photos, tmp_path / "photos"))
    write_png(folder / "aaa flat.png", np.full((96, 96, 3), 80, np.uint8))
    write_png(folder / "zzz flat.png", np.full((96, 96, 3), 81, np.uint8))
    monkeypatch.setattr("pipelines.stages.mine_noise.PHOTOS_PER_TASK", 1)
    mine(tmp_path / "one", folder, client)
    monkeypatch.setattr("pipelines.stages.mine_noise.BYTES_PER_TASK", 1)
    monkeypatch.setattr("pipelines.stages.mine_noise.tiles_per_chunk", lambda side: 4)
    _, cut = mine(tmp_path / "many", folder, client)
    assert cut.patches.per_chunk == 4
    whole = open_store(tmp_path / "one").noise()
    assert np.array_equal(np.stack(list(cut.patches)), np.stack(list(whole.patches)))
    assert verify(str(tmp_path / "many"), client).damaged == ()


def test_patches_wait_in_the_cache_and_not_in_task_results(
    tmp_path: Path, photos: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a photo gave is written as it was cut, then into the bank, and nowhere else."""
    saved: set[str] = set()
    waiting: list[int] = []
    save, rows = TaskResults.save, RawArrays.write

    def noting(results: TaskResults, index: int, arrays: Mapping[str, npt.ArrayLike]) -> None:
        if results.group == NOISE:
            saved.update(arrays)
        save(results, index, arrays)

    def counting(raw: RawArrays, first: int, tiles: Iterable[tuple[U8, ...]]) -> Arrays:
        waiting.append(len(list((tmp_path / "s" / ".parts" / "cache").glob("*.npz"))))
        return rows(raw, first, tiles)

    monkeypatch.setattr(TaskResults, "save", noting)
    monkeypatch.setattr(RawArrays, "write", counting)
    mine(tmp_path / "s", photos, client)
    assert "accepted" in saved and "patches" not in saved
    assert waiting == [len(list(photos.glob("*.png")))]
    found = [path for path in (tmp_path / "s/.parts").rglob("*") if path.is_file()]
    assert {path.parent.name for path in found} == {"found"}, "for when the folder has grown"
    for path in found:
        with np.load(path) as pack:
            assert "accepted" in pack.files and "patches" not in pack.files


def test_every_small_photo_is_named(degrade: Command, photos: Path, tmp_path: Path) -> None:
    """Photos that are smaller than a patch cannot be mined; that is not to be lost silently."""
    for path in photos.glob("*.png"):
        (tmp_path / "mixed").mkdir(exist_ok=True)
        (tmp_path / "mixed" / path.name).write_bytes(path.read_bytes())
    write_png(tmp_path / "mixed" / "small.png", make_photo(9, 20, 40))
    answer = degrade("mine-noise", tmp_path / "mixed", "--patch", 32)
    assert answer.code == 0 and "small.png" in answer.out


def test_an_unchecked_store_says_so(tmp_path: Path, client: Client) -> None:
    with pytest.raises(StoreError, match="no store here; run `degrade check SRC"):
        mine_noise(str(tmp_path / "s"), client, SETTINGS)
    (tmp_path / "photos").mkdir()
    with pytest.raises(NothingToDo):
        check_photos(str(tmp_path / "s"), client, source=tmp_path / "photos")
    with pytest.raises(StoreError, match="no store here; run `degrade check SRC"):
        mine_noise(str(tmp_path / "s"), client, SETTINGS)


def test_large_photos_share_no_task() -> None:
    def photo(row: int, height: int, width: int) -> Photo:
        return Photo(row, "", "", "", height, width, "source", DEFAULT_POLICY)

    sizes = [(10, 10), (10, 10), (30, 30), (20, 20), (10, 10), (10, 10), (10, 10), (10, 10)]
    photos = [photo(row, *size) for row, size in enumerate(sizes)]
    found = [[photo.row for photo in group] for group in bounded_groups(photos, 3, 600)]
    assert found == [[0, 1], [2], [3, 4, 5], [6, 7]]
