"""Imported pairs: exported tiles come back, wrong pairings are named, a killed import goes on."""

from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from degrade.errors import SettingsError, StoreError
from degrade.images.write import write_png
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.store.reader import open_store
from degrade.store.schema import PAIR_COLUMNS
from pipelines.export.pairs import export_pairs
from pipelines.report.page import write_report
from pipelines.stages.check import check_photos
from pipelines.stages.import_pairs import crop_only, import_pairs
from pipelines.stages.mine_noise import mine_noise
from pipelines.stages.train import train_method
from pipelines.stages.verify import verify
from sr_train.settings.esrgan import EsrganSettings
from tests import fresh
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import contents, make_photo, write_photos

SETTINGS = PairSettings(**crop_only({"scale": 2, "tile": 32, "valid": 0.2}))
SMALL = {
    "network": {"features": 4, "blocks": 1, "growth": 4},
    "crop": 24,
    "batch": 2,
    "psnr": {"steps": 1, "learning_rate": 1e-3},
    "gan": {"steps": 0},
    "device": "cpu",
    "validation_tiles": 1,
}


def write_pairs(base: Path, count: int, height: int = 48, width: int = 80) -> tuple[Path, Path]:
    """Write HR photos, and every second pixel of them as LR; return both folders."""
    for seed in range(count):
        hr = make_photo(seed, height, width)
        write_png(base / "hr" / f"{seed:02}.png", hr)
        write_png(base / "lr" / f"{seed:02}x2.png", hr[1::2, 1::2])
    return base / "lr", base / "hr"


def small(noise: bool, **changes: object) -> EsrganSettings:
    return EsrganSettings.model_validate({**SMALL, "noise": noise, **changes})


def test_pairs_go_out_and_come_in(tmp_path: Path, stored: str, client: Client) -> None:
    export_pairs(stored, tmp_path / "out", 2, "folders", split="train")
    place, out = str(tmp_path / "s"), tmp_path / "out" / "train"
    made = import_pairs(place, client, out / "LR", out / "HR", SETTINGS)
    old, new = open_store(stored).pairs(2), open_store(place).pairs(2)
    rows = np.flatnonzero(old.split == "train")
    every = {(old.hr.tile(row).tobytes(), old.lr.tile(row).tobytes()) for row in rows.tolist()}
    found = {(hr.tobytes(), lr.tobytes()) for hr, lr in zip(new.hr, new.lr, strict=True)}
    assert found == every, "equal HR tiles, which are imported once, have equal LR"
    assert made.pairs == len(new.hr) == len(rows) - len(made.refused)
    assert all("has the same bytes as" in reason for _, reason in made.refused)
    assert set(new.kernel.tolist()) == {-2} and set(new.domain.tolist()) == {"target"}
    assert "-2 = imported" in PAIR_COLUMNS["kernel"].meaning
    assert import_pairs(place, client, out / "LR", out / "HR", SETTINGS) == made


def test_tiles_of_large_images_are_aligned(tmp_path: Path, client: Client) -> None:
    place = str(tmp_path / "s")
    lr, hr = write_pairs(tmp_path, 4)
    write_png(hr / "tiny.png", make_photo(9, 24, 40))
    write_png(lr / "tiny.png", make_photo(9, 24, 40)[1::2, 1::2])
    made = import_pairs(place, client, lr, hr, SETTINGS)
    assert made.refused == (("tiny.png", "HR of 40x24 is smaller than a tile of 32"),)
    store = open_store(place)
    pairs, paths = store.pairs(2), store.sources().path
    assert (made.images, made.pairs, made.valid) == (4, 4 * 2 * 3, 6)
    for index in range(len(pairs.hr)):
        assert np.array_equal(pairs.hr.tile(index)[1::2, 1::2], pairs.lr.tile(index))
        photo = make_photo(int(str(paths[pairs.source[index]])[:2]), 48, 80)
        row, col = pairs.row[index], pairs.col[index]
        assert np.array_equal(pairs.hr.tile(index), photo[row : row + 32, col : col + 32])
    splits = {name: set(pairs.source[pairs.split == name]) for name in ("train", "valid")}
    assert not splits["train"] & splits["valid"]


def test_wrong_pairings_are_named_before_any_work(degrade: Command, tmp_path: Path) -> None:
    lr, hr = write_pairs(tmp_path, 4)
    (lr / "00x2.png").rename(lr / "lonely.png")
    (lr / "01x2.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    write_png(hr / "02.png", make_photo(2, 48, 82))
    write_png(hr / "03.bmp.png", make_photo(3, 48, 80))
    (hr / "03.bmp.png").rename(hr / "03.bmp")
    said = refusal(degrade("import", lr, "--hr", hr, "--scale", 2, "--store", "s"))
    assert said.startswith(f"{hr} and {lr} do not pair: ")
    assert f"{hr}/00.png: no partner in {lr}; " in said
    assert f"{lr}/lonely.png: no partner in {hr}" in said
    assert f"{lr}/01x2.png: is truncated or damaged" in said
    assert f"{hr}/02.png: 82x48 is not 2 times its LR's 40x24" in said
    assert f"{hr}/03.png: has the name of 03.bmp" in said
    assert not (tmp_path / "s").exists()
    said = refusal(degrade("import", lr, "--store", "s"))
    assert said == "import: pairs are two folders; give LR_FOLDER and --hr HR_FOLDER"


KILLED = """
import os, sys
from degrade.cli.main import run
from degrade.store.task_results import TaskResults

save, calls = TaskResults.save, []
def once(parts, *part):
    if parts.group == "pairs/x2":
        calls.append(part)
    if len(calls) == 2:
        os.kill(os.getpid(), 9)
    save(parts, *part)
TaskResults.save = once
run()
"""


def test_a_killed_import_goes_on_to_the_same_bytes(degrade: Command, tmp_path: Path) -> None:
    lr, hr = write_pairs(tmp_path, 40, 96, 96)
    words = ["import", str(lr), "--hr", str(hr), "--scale", "2", "--tile", "32", "--store"]
    assert degrade(*words, "whole").code == 0
    killed = fresh.run(KILLED, *words, "killed", cwd=tmp_path)
    assert killed.returncode == -9, killed.stderr
    assert len(list((tmp_path / "killed/.parts").rglob("*.npz"))) == 1
    assert degrade(*words, "killed").code == 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_damage_is_mended_from_the_folders(tmp_path: Path, client: Client) -> None:
    place = tmp_path / "s"
    lr, hr = write_pairs(tmp_path, 3)
    import_pairs(str(place), client, lr, hr, SETTINGS)
    before = contents(place)
    (place / "pairs/x2/hr/c/0/0/0/0").unlink()
    (place / "pairs/x2/lr/c/0/0/0/0").write_bytes(b"cut short")
    assert len(verify(str(place), client, repair=True).repaired) == 2
    assert contents(place) == before
    (place / "pairs/x2/lr/c/0/0/0/0").unlink()
    write_png(lr / "00x2.png", make_photo(7, 24, 40))
    with pytest.raises(StoreError, match=r"pairs/x2: was made from other lr than"):
        verify(str(place), client, repair=True)
    (lr / "00x2.png").unlink()
    with pytest.raises(StoreError, match=r"cannot be read again .*00.png: no partner.*put the"):
        verify(str(place), client, repair=True)


def test_what_comes_after_an_import(tmp_path: Path, photos: Path, client: Client) -> None:
    """Training with the noise of other photos, the report, and pairs that are no longer current."""
    place = str(tmp_path / "s")
    lr, hr = write_pairs(tmp_path, 4)
    check_photos(place, client, source=photos)
    mine_noise(place, client, NoiseSettings(patch=16))
    import_pairs(place, client, lr, hr, SETTINGS)
    noisy = small(True, noise_model="scaled")
    assert Path(train_method(place, "esrgan", noisy, tmp_path / "run").weights).is_file()
    with pytest.raises(SettingsError, match=r"x2 pairs were imported, how their LR was made is"):
        train_method(place, "esrgan", small(False, degradation="on-the-fly"), tmp_path / "fly")
    shows = write_report(place, tmp_path / "r.html", tmp_path / "runs").sections
    assert shows["Pairs x2"] == "24 pairs of 32 pixels, 6 for validation"
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "unknown: the pair was imported" in text
    assert f"degrade import {lr} --hr {hr} --scale 2 --seed 0 --tile 32 --valid 0.2" in text
    write_photos(photos_too := tmp_path / "others", 2)
    with pytest.raises(StoreError, match=r"pass --overwrite"):
        check_photos(place, client, source=photos_too)
    check_photos(place, client, source=photos_too, overwrite=True)
    with pytest.raises(StoreError, match=r"pairs/x2: was made from other photos than the store"):
        train_method(place, "esrgan", small(False), tmp_path / "stale")


def test_a_store_of_imports_alone(degrade: Command, tmp_path: Path) -> None:
    """Noise without any photos; then pairs, which other pairs do not replace unasked."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        write_png(tmp_path / "noise" / f"{name}.png", rng.integers(90, 110, (32, 32, 3), np.uint8))
    assert degrade("import", "--noise", "noise", "--store", "s").code == 0
    assert "by import-noise" in degrade("info", "--store", "s").out
    report = one_object(degrade("report", "--store", "s", "--json"))["sections"]
    assert report["Noise"].startswith("2 patches, standard deviation")
    lr, hr = write_pairs(tmp_path, 3)
    command = ("import", lr, "--hr", hr, "--scale", 2, "--tile", 32, "--store", "s")
    found = one_object(degrade(*command, "--json"))["pairs"]
    assert (found["pairs"], found["images"], found["refused"]) == (18, 3, [])
    assert "by import-pairs" in degrade("info", "--store", "s").out
    assert degrade("verify", "--store", "s").code == 0
    assert degrade("report", "--store", "s").code == 0
    assert refusal(degrade(*command, "--seed", 3)).startswith("s/pairs/x2: was made with seed = 0")
    build = ("build-pairs", "--scale", 2, "--tile", 32, "--store", "s")
    assert "pass --overwrite to make it again" in refusal(
        degrade(*build, "--kernels", "bicubic", "--cleanup", 1)
    )
    large = ("import", lr, "--hr", hr, "--scale", 2, "--tile", 64, "--store", "large")
    assert "--tile 64: no photo is that large (largest short side 48)" in refusal(degrade(*large))
    lr, hr = write_pairs(tmp_path / "more", 4)
    said = refusal(degrade("import", lr, "--hr", hr, "--scale", 2, "--tile", 32, "--store", "s"))
    assert "1 photos changed (first: 03.png) since pairs were made from them" in said
