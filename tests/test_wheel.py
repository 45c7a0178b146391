"""The wheel that is built of the sdist holds every file of the packages, and nothing else."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("degrade", "pipelines", "sr_train")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_{}(sys.argv[1])"
"""What a build does, without an environment of its own."""


def test_the_wheel_of_the_sdist_holds_all_files(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [path for path in ROOT.iterdir() if path.is_file()]:
        shutil.copy(path, checkout)
    build("sdist", checkout, tmp_path)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as sdist:
        sdist.extractall(tmp_path / "sdist", filter="data")
    build("wheel", next((tmp_path / "sdist").iterdir()), tmp_path)

    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = [path for name in PACKAGES for path in (checkout / name).rglob("*")]
    assert held == {path.relative_to(checkout).as_posix() for path in files if path.is_file()}
    assert {"degrade/py.typed", "pipelines/recipes/demo.yaml"} <= held


def build(what: str, source: Path, target: Path) -> None:
    command = [sys.executable, "-c", BUILD.format(what), str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
