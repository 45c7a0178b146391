"""What importing costs: the light parts stay light, and the layers' direction holds."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "dask", "distributed", "zarr", "cv2", "scipy", "tensorboard", "pipelines")
RUN = "import sys; sys.argv = {arguments!r}\ntry:\n    from degrade.cli.main import run; run()\n"
RUN += "except SystemExit as stop:\n    assert not stop.code\n"


def loaded(code: str, *names: str) -> list[str]:
    """Run code in a fresh interpreter and return which of the packages it has loaded."""
    ending = f"\nimport sys; print('LOADED', *[n for n in {names!r} if n in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", code + ending],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    return ended.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("arguments", [["--help"], ["train", "esrgan", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded(RUN.format(arguments=["degrade", *arguments]), *HEAVY) == []


def test_importing_degrade_loads_nothing_heavy() -> None:
    assert loaded("import degrade", *HEAVY, "numpy", "typer") == []


def test_arrays_noise_and_store_need_no_torch() -> None:
    code = "import degrade.degradation, degrade.noise.mining, degrade.noise.injection\n"
    code += "import degrade.store.reader, degrade.store.writer, degrade.kernels.settings\n"
    code += "import degrade.kernels.quality, degrade.images.scan, degrade.pairs"
    assert loaded(code, "torch", "dask", "distributed") == []


def test_training_needs_no_dask() -> None:
    code = "import sr_train.methods.esrgan, sr_train.evaluation, sr_train.upscaling"
    assert loaded(code, "dask", "distributed", "torchvision", "pipelines") == []


def test_torchvision_is_named_nowhere_as_an_import() -> None:
    for package in ("degrade", "pipelines", "sr_train"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert "import torchvision" not in text and "from torchvision" not in text, path
