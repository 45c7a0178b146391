"""What importing costs: the light parts stay light, and the layers' direction holds."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from sr_train.network_files import save_weights
from sr_train.networks.rrdbnet import RRDBNet
from tests.photos import write_photos

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "dask", "distributed", "zarr", "cv2", "scipy", "tensorboard", "pipelines")
RUN = """
import sys
from degrade.cli.main import run
for words, allowed in {calls!r}:
    sys.argv = ["degrade", *words]
    try:
        run()
    except SystemExit as stop:
        assert not stop.code, words
    extra = {{name for name in {names!r} if name in sys.modules}} - {{*allowed}}
    assert not extra, (words, extra)
"""
"""Runs command lines one after the other in one process, and says which one loads too much."""


def loaded(code: str, *names: str, folder: Path = ROOT) -> list[str]:
    """Run code in a fresh interpreter and return which of the packages it has loaded."""
    ending = f"\nimport sys; print('LOADED', *[n for n in {names!r} if n in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", code + ending],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()[-1].split()[1:]


def test_help_loads_nothing_heavy() -> None:
    calls = [([*words.split()], ()) for words in ("--help", "train esrgan --help", "--version")]
    assert loaded(RUN.format(calls=calls, names=HEAVY), *HEAVY) == []


BIG = ("torch", "tensorboard", "dask", "matplotlib")
PREPARED = """
import degrade
degrade.build_pairs("photos", "degrade.zarr", 2, tile=64, patch=32)
"""
MAY_LOAD = {
    "check photos": set(),
    "estimate-kernels --scale 2": set(),
    "kernels --scale 2": set(),
    "mine-noise --patch 32": set(),
    "build-pairs --scale 2 --tile 64": set(),
    "build-references --scale 2": set(),
    "export pairs out --scale 2": set(),
    "export kernels out_kernels --scale 2": set(),
    "export noise out_noise": set(),
    "info": set(),
    "schema": set(),
    "run demo --print": set(),
    "train psnr --steps 1 --set crop=32 --set batch=1 --set network.blocks=1": {
        "torch",
        "tensorboard",
    },
    "upscale runs/psnr/weights.safetensors photos up": {"torch"},
    "export-model runs/psnr/weights.safetensors model.pth": {"torch"},
    "evaluate --sr photos --hr photos --border 2": {"torch"},
    "verify": set(),
    "report": {"matplotlib"},
    "plan demo photos": {"torch"},  # a step of training is timed
    "plan demo photos --set stages.train=false": set(),
    "plan demo photos --set stages.train=false --workers 2": {"dask"},  # tells the cores
    "run demo photos --dry-run": {"torch"},
    "run demo photos --dry-run --set stages.train=false": set(),
}
"""Which packages that take a second or more a verb loads, having use for them."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, a store of them, and a small trained network."""
    folder = tmp_path_factory.mktemp("verbs")
    write_photos(folder / "photos", 4, 256, 320)
    loaded(PREPARED, folder=folder)
    network = RRDBNet(2, features=4, blocks=1, growth=4)
    (folder / "runs" / "psnr").mkdir(parents=True)
    save_weights(folder / "runs" / "psnr" / "weights.safetensors", network)
    return folder


ALLOWED = sorted({tuple(sorted(allowed)) for allowed in MAY_LOAD.values()})
"""What one process may load; verbs that may load the same run in one, which starts once."""


@pytest.mark.parametrize("allowed", ALLOWED, ids=" ".join)
def test_a_verb_loads_only_what_it_uses(place: Path, allowed: tuple[str, ...]) -> None:
    lines = [line for line, packages in MAY_LOAD.items() if packages == {*allowed}]
    more = {"train": ("--name", "another", "--set", "threads=1")}
    calls = [([*line.split(), *more.get(line.split()[0], ())], allowed) for line in lines]
    assert set(loaded(RUN.format(calls=calls, names=BIG), *BIG, folder=place)) <= {*allowed}


def test_stages_start_without_what_their_first_photo_needs() -> None:
    code = (
        "import pipelines.execution.cluster, pipelines.stages.check, pipelines.stages.mine_noise\n"
    )
    code += "import pipelines.stages.estimate_kernels, pipelines.stages.build_pairs"
    assert loaded(code, "dask", "distributed", "scipy", "torch", "matplotlib") == []


def test_importing_degrade_loads_nothing_heavy() -> None:
    assert loaded("import degrade", *HEAVY, "numpy", "typer") == []


def test_arrays_noise_and_store_need_no_torch() -> None:
    code = "import degrade.degradation, degrade.noise.mining, degrade.noise.injection\n"
    code += (
        "import degrade.store.reader, degrade.store.writer, degrade.kernels.estimator_settings\n"
    )
    code += "import degrade.kernels.acceptance, degrade.images.source_record, degrade.pairs"
    assert loaded(code, "torch", "dask", "distributed") == []


def test_training_needs_no_dask() -> None:
    code = "import sr_train.methods.esrgan\n"
    code += "import sr_train.evaluation.scoring, sr_train.inference.upscaling"
    assert loaded(code, "dask", "distributed", "torchvision", "pipelines") == []


def test_torchvision_is_named_nowhere_as_an_import() -> None:
    for package in ("degrade", "pipelines", "sr_train"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert "import torchvision" not in text and "from torchvision" not in text, path


@pytest.mark.parametrize(
    "path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem
)
def test_every_benchmark_finds_what_it_measures(path: Path) -> None:
    importlib.import_module(f"benchmarks.{path.stem}")
