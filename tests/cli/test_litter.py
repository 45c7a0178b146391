"""What commands say of choices they made, and what they leave behind when they fail."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from degrade.store.cache import cache_folder
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import write_photos


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.mark.parametrize("way", ["option", "joined", "environment"])
def test_home_is_written_out_where_the_shell_did_not(
    degrade: Command, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    write_photos(home / "photos", 1, 64, 64)
    said: tuple[str, ...] = ()
    if way == "environment":
        monkeypatch.setenv("DEGRADE_STORE", "~/x.zarr")
    else:
        said = ("--store", "~/x.zarr") if way == "option" else ("--store=~/x.zarr",)
    assert degrade("check", "~/photos", *said).code == 0
    assert sorted(path.name for path in home.iterdir()) == ["photos", "x.zarr"]
    assert not (tmp_path / "~").exists()
    assert one_object(degrade("info", "--json", *said))


@pytest.mark.parametrize(("name", "inside"), [("DEGRADE_CACHE", ""), ("XDG_CACHE_HOME", "degrade")])
def test_home_is_written_out_of_caches(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, inside: str
) -> None:
    monkeypatch.delenv("DEGRADE_CACHE", raising=False)
    monkeypatch.setenv(name, "~/kept")
    assert cache_folder() == home / "kept" / inside


def test_home_is_written_out_in_python(home: Path) -> None:
    import degrade

    write_photos(home / "photos", 1, 64, 64)
    degrade.build_pairs("~/photos", "~/x.zarr", scale=2, tile=32, kernels="bicubic", patch=None)
    assert (home / "x.zarr").is_dir()
    assert len(degrade.open_store("~/x.zarr").pairs(2).hr) > 0


@pytest.mark.parametrize(
    "command",
    [
        ("check", "nowhere"),
        ("check", "empty"),
        ("mine-noise",),
        ("estimate-kernels",),
        ("build-pairs",),
        ("build-references",),
        ("verify",),
        ("info",),
        ("kernels",),
        ("fidelity",),
        ("export", "pairs", "out"),
        ("export", "kernels", "out"),
        ("export", "noise", "out"),
    ],
)
def test_nothing_is_left_where_there_was_nothing_to_do(
    degrade: Command, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "empty").mkdir()
    refusal(degrade(*command, "--store", "deep/x.zarr"))
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_the_estimator_that_options_chose_is_said(degrade: Command, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 1, 160, 192)
    command = ("estimate-kernels", "photos", "--scale", "2")
    assert "kernels x2 by spectral: 1 of 1 accepted" in degrade(*command).out
    chosen = degrade(*command, "--iterations", "15", "--overwrite")
    assert "kernels x2 by kernelgan (chosen by --iterations): " in chosen.out
    named = degrade(*command, "--iterations", "15", "--estimator", "kernelgan", "--json")
    assert json.loads(named.out)["estimator"] == "kernelgan"


def test_the_scale_that_the_store_has_is_taken(degrade: Command, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 1, 160, 192)
    assert "holds no kernels; run `degrade estimate-kernels`" in (
        refusal(degrade("kernels")) if degrade("check", "photos").code == 0 else ""
    )
    assert degrade("estimate-kernels", "--scale", 2).code == 0
    assert degrade("kernels").out.startswith("kernels x2: 1 of 1 accepted")
    assert degrade("export", "kernels", "out").code == 0
    assert degrade("build-pairs", "--scale", 2, "--tile", 32).code == 0
    assert degrade("export", "pairs", "pairs").code == 0
    assert degrade("estimate-kernels", "--scale", 3).code == 0
    assert "holds kernels for x2, x3; say which with --scale N" in refusal(degrade("kernels"))


def test_no_pairs_is_a_failure(degrade: Command, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 2, 64, 64)
    said = refusal(degrade("build-pairs", "photos", "--kernels", "bicubic", "--tile", 256))
    assert "256" in said
    flat = np.full((64, 64, 3), 128, np.uint8)
    (tmp_path / "flat").mkdir()
    Pillow.fromarray(flat).save(tmp_path / "flat" / "a.png")
    assert degrade("check", "flat", "--store", "flat.zarr", "--keep", "").code == 0
    made = degrade("estimate-kernels", "flat", "--store", "flat.zarr", "--scale", 2, "--json")
    assert made.code == 1 and json.loads(made.out)["accepted"] == 0
    assert "degrade: none of 1 kernels was accepted, the first, of a.png, because: " in made.err


def test_a_setting_is_found_by_its_last_part(degrade: Command, tmp_path: Path) -> None:
    said = refusal(degrade("train", "psnr", "--set", "learning_rate=1e-3"))
    assert said == "train psnr: learning_rate: unknown key (did you mean psnr.learning_rate?)"
