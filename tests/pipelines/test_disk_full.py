"""A full disk stops a stage with one line; after space is made it goes on to the same bytes."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.answers import refusal
from tests.conftest import Answer, Command
from tests.photos import contents, write_photos

MINE = ["mine-noise", "--patch", "16", "--stride", "8"]
TINY = ["network.features=12", "network.blocks=1", "network.growth=2", "crop=24", "batch=2"]
TINY += ["noise=false", "gan.steps=0", "save_every=2", "log_every=1", "device=cpu", "threads=1"]
BUILD = ["build-pairs", "--scale", "2", "--tile", "32", "--kernels", "bicubic", "--cleanup", "1"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB; needs the right to mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small tmpfs here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, left: int) -> Path:
    """Fill a disk but for some bytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(2**14)):
                pass
        except OSError:
            file.truncate(max(0, file.tell() - left))
    return filler


@pytest.mark.parametrize("verb", [MINE, BUILD], ids=["mine-noise", "build-pairs"])
def test_a_full_disk(small_disk: Path, tmp_path: Path, degrade: Command, verb: list[str]) -> None:
    photos = write_photos(tmp_path / "photos", 6, 144, 160)
    assert degrade("check", photos, "--store", tmp_path / "scanned").code == 0
    whole = shutil.copytree(tmp_path / "scanned", tmp_path / "whole")
    assert degrade(*verb, "--store", whole).code == 0
    for left in (0, 40_000, 120_000):
        store = shutil.copytree(tmp_path / "scanned", small_disk / "s")
        filler = fill(small_disk, left)
        said = refusal(degrade(*verb, "--store", store))
        assert "No space left on device" in said and "make room" in said, left
        filler.unlink()
        assert degrade(*verb, "--store", store).code == 0
        assert contents(store) == contents(whole), left
        shutil.rmtree(store)


@pytest.mark.parametrize(("left", "lacking"), [(0, "esrgan"), (200_000, "esrgan/checkpoint.pt")])
def test_a_disk_that_fills_while_training(
    small_disk: Path, tmp_path: Path, degrade: Command, left: int, lacking: str
) -> None:
    photos = write_photos(tmp_path / "photos", 3, 96, 96)
    store = ["--store", str(tmp_path / "s.zarr")]
    pairs = ["--scale", "2", "--tile", "24", "--kernels", "bicubic", "--cleanup", "1"]
    assert degrade("check", photos, *store).code == 0
    assert degrade("build-pairs", *pairs, *store).code == 0

    def train(runs: Path, steps: int) -> Answer:
        changes = [word for change in [*TINY, f"psnr.steps={steps}"] for word in ("--set", change)]
        return degrade("train", "esrgan", *store, *changes, "--runs", runs, "--resume")

    assert train(tmp_path / "whole", 8).code == 0
    assert train(small_disk, 4).code == 0
    run, whole = small_disk / "esrgan", tmp_path / "whole" / "esrgan"
    before = (run / "checkpoint.pt").read_bytes()
    filler = fill(small_disk, left)
    said = refusal(train(small_disk, 8))
    assert said.startswith(f"{small_disk / lacking}: cannot be written (")
    assert (run / "checkpoint.pt").read_bytes() == before
    assert not list(run.rglob("*.partial"))
    filler.unlink()
    assert train(small_disk, 8).code == 0
    name = "weights.safetensors"
    assert (run / name).read_bytes() == (whole / name).read_bytes()
