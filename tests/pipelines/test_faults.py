"""Whatever is killed, whenever: the same command goes on and leaves an uninterrupted run's bytes.

Each test kills one kind of process at random moments until the work is done. What a seed stands
for is only the choice of moments as shares of the time; where they fall depends on the machine.
"""

import random
import shutil
import signal
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
import yaml

from tests.photos import contents, write_photos
from tests.pipelines.killing import PATIENCE, Bench, Cluster, cluster, pause, workers_of

KERNELS = {
    "spectral": "{estimator: spectral}",
    "kernelgan": "{estimator: kernelgan, iterations: 60, lanes: 3}",
}
RECIPE = """
name: tiny
scale: 2
stages:
  kernels: KERNELS
  noise: {patch: 16, stride: 16}
  pairs: {tile: 24, bake_noise: true, kernels: bicubic, cleanup: 1}
  train:
    method: esrgan
    settings:
      network: {features: 4, blocks: 1, growth: 2}
      crop: 24
      batch: 2
      noise: false
      psnr: {steps: 8}
      gan: {steps: 8}
      loss: {perceptual: 0}
      device: cpu
      threads: 1
      save_every: 2
"""
PHOTOS = 12
TILES = ("noise/patches", "pairs/x2/hr", "pairs/x2/lr")
FAST = [0]
LONG = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 9)]
MOST = 16
"""Kills after which a test lets the work end."""
MANY = 100
"""Kills after which a command that never ends counts as making no way."""
Kill = Callable[[BaseProcess], None]


@pytest.fixture(
    scope="session", params=["spectral", pytest.param("kernelgan", marks=pytest.mark.slow)]
)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, a recipe, and what the uninterrupted run of it leaves."""
    folder = tmp_path_factory.mktemp(request.param)
    write_photos(folder / "photos", PHOTOS, 144, 160)
    (folder / "recipe.yaml").write_text(RECIPE.replace("KERNELS", KERNELS[request.param]))
    Bench(folder).run(*recipe_command())
    return folder


def recipe_command(*more: str) -> list[str]:
    return ["run", "recipe.yaml", "photos", "--store", "s.zarr", "--runs", "runs", *more]


def bench_beside(whole: Path, folder: Path) -> Bench:
    """A new folder that sees the same photos at the same place."""
    shutil.copy(whole / "recipe.yaml", folder)
    (folder / "photos").symlink_to(whole / "photos")
    return Bench(folder)


def attempt(bench: Bench, arguments: Sequence[str], meddle: Kill) -> int:
    """Run a command while ``meddle`` does harm; what ends badly must say so in one line."""
    begin = len(bench.output())
    process = bench.start(*arguments)
    meddle(process)
    process.join(PATIENCE)
    said = bench.output()[begin:]
    assert process.exitcode in (0, 1, -signal.SIGKILL), f"{process.exitcode}: {said}"
    assert "Traceback" not in said, said
    if process.exitcode == 1:
        assert said.splitlines()[-1].startswith("degrade: "), said
    return process.exitcode


def finish(bench: Bench, arguments: Sequence[str], meddle: Kill) -> None:
    """Run the same command until it is not killed; it must then end well."""
    for _ in range(MANY):
        code = attempt(bench, arguments, meddle)
        if code != -signal.SIGKILL:
            assert code == 0, bench.output()
            return
    raise AssertionError("the command makes no way")


def kill_it(
    bench: Bench, rng: random.Random, longest: float, growth: float = 1.15, most: int = MOST
) -> Kill:
    """Return what kills the command itself, each time a little later."""
    patience = [longest]

    def kill(process: BaseProcess) -> None:
        if bench.kills.total() < most and pause(rng, patience[0], process):
            bench.kill(process, "process")
            patience[0] *= growth

    return kill


def fewer(seed: int) -> tuple[float, int]:
    """Return by how much later each kill comes and how many there may be: few for a fast test."""
    return (2.0, 3) if seed in FAST else (1.15, MOST)


def same_results(bench: Bench, whole: Path) -> None:
    assert contents(bench.folder / "s.zarr") == contents(whole / "s.zarr")
    weights = "runs/tiny/weights.safetensors"
    assert (bench.folder / weights).read_bytes() == (whole / weights).read_bytes()
    ours, theirs = (
        torch.load(folder / "runs/tiny/checkpoint.pt", weights_only=True)
        for folder in (bench.folder, whole)
    )
    for state in ("networks", "optimisers"):
        torch.testing.assert_close(ours.pop(state), theirs.pop(state), rtol=0, atol=0)
    assert ours == theirs
    assert not list((bench.folder / "runs").rglob("*.partial"))


def report(bench: Bench, seed: int) -> None:
    print(f"\nseed {seed}: kills {dict(bench.kills)}")


@pytest.mark.parametrize("whole", KERNELS, indirect=True, scope="session")
@pytest.mark.parametrize("seed", [*FAST, *LONG])
def test_a_killed_recipe(whole: Path, tmp_path: Path, seed: int) -> None:
    bench, rng = bench_beside(whole, tmp_path), random.Random(f"recipe {seed}")
    finish(bench, recipe_command(), kill_it(bench, rng, 1.5, *fewer(seed)))
    report(bench, seed)
    same_results(bench, whole)
    assert max(bench.written().values()) == 1, "what was finished was made again"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_killed_verbs(whole: Path, tmp_path: Path, seed: int) -> None:
    bench, rng = bench_beside(whole, tmp_path), random.Random(f"verbs {seed}")
    (tmp_path / "calm").mkdir()
    calm = bench_beside(whole, tmp_path / "calm")
    for verb in verbs(whole):
        finish(bench, verb, kill_it(bench, rng, 0.5))
        calm.run(*verb)
    report(bench, seed)
    same_results(bench, calm.folder)
    assert max(bench.written().values()) == 1, "what was finished was made again"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_a_killed_growth(whole: Path, tmp_path: Path, seed: int) -> None:
    """A store of fewer photos is made that of all, by commands that are killed."""
    bench, rng = bench_beside(whole, tmp_path), random.Random(f"growth {seed}")
    for folder in ("fewer", "calm"):
        (tmp_path / folder).mkdir()
    calm = bench_beside(whole, tmp_path / "calm")
    for path in sorted((whole / "photos").iterdir())[1:-2]:
        shutil.copy(path, tmp_path / "fewer")
    making = verbs(whole)[:4]
    for verb in making:
        calm.run(*verb)
        bench.run(*["fewer" if word == "photos" else word for word in verb])
    for verb in making:
        finish(bench, [*verb, "--overwrite"], kill_it(bench, rng, 0.5))
    report(bench, seed)
    grown, by_recipe = contents(tmp_path / "s.zarr"), contents(whole / "s.zarr")
    assert grown == contents(calm.folder / "s.zarr")
    # A recipe says that target photos are not used, the verb that they are, and there are none.
    apart = {name for name in {*grown, *by_recipe} if grown.get(name) != by_recipe.get(name)}
    assert apart <= {"pairs/x2/zarr.json", ".parts/pairs/x2/found/00000000.npz"}


def verbs(whole: Path) -> list[list[str]]:
    """Return the commands that together do what the recipe does."""
    stages = yaml.safe_load((whole / "recipe.yaml").read_text())["stages"]
    (whole / "esrgan.yaml").write_text(yaml.safe_dump(stages["train"]["settings"]))
    kernels = [f"--{name}={value}" for name, value in stages["kernels"].items()]
    pairs = ["--tile", "24", "--bake-noise", "--kernels", "bicubic", "--cleanup", "1"]
    config = ["--config", str(whole / "esrgan.yaml"), "--name", "tiny"]
    chosen = [
        ["check", "photos"],
        ["estimate-kernels", "--scale", "2", *kernels],
        ["mine-noise", "--patch", "16", "--stride", "16"],
        ["build-pairs", "--scale", "2", *pairs],
        ["train", "esrgan", *config, "--runs", "runs", "--resume"],
    ]
    return [[*verb, "--store", "s.zarr"] for verb in chosen]


@pytest.mark.parametrize("seed", [*FAST, *LONG])
def test_a_killed_repair(whole: Path, tmp_path: Path, seed: int) -> None:
    bench, rng = bench_beside(whole, tmp_path), random.Random(f"repair {seed}")
    shutil.copytree(whole / "s.zarr", tmp_path / "s.zarr")
    store = tmp_path / "s.zarr"
    chunks = [path for name in TILES for path in sorted((store / name).glob("c/*/0/0/0"))]
    for path in rng.sample(chunks, len(chunks) // 2):
        damage(path, rng)
    finish(
        bench, ["verify", "--repair", "--store", "s.zarr"], kill_it(bench, rng, 0.5, *fewer(seed))
    )
    report(bench, seed)
    assert contents(tmp_path / "s.zarr") == contents(whole / "s.zarr")


def damage(path: Path, rng: random.Random) -> None:
    """Do to a file what a power loss does: cut it short, or leave zeros at its end."""
    data = path.read_bytes()
    kept = rng.randrange(len(data))
    path.write_bytes(data[:kept] + bytes(len(data) - kept if rng.random() < 0.5 else 0))


@pytest.mark.parametrize("seed", LONG)
def test_killed_workers(whole: Path, tmp_path: Path, seed: int) -> None:
    """Workers that the command itself started: it goes on without being started again."""
    bench, rng = bench_beside(whole, tmp_path), random.Random(f"workers {seed}")

    def kill(process: BaseProcess) -> None:
        while bench.kills.total() < MOST and pause(rng, 1.5, process):
            for worker in workers_of(process)[:1]:
                bench.kill(worker, "worker")

    while attempt(bench, recipe_command("--workers", "2"), kill) != 0:
        starting = bench.output().splitlines()[-1]
        assert bench.kills.total() >= 3 or "died while it was started" in starting, starting
    report(bench, seed)
    same_results(bench, whole)
    assert redone(bench) <= bench.kills.total()


def redone(bench: Bench) -> int:
    """Return how many parts were made that were there already."""
    return bench.written().total() - len(bench.written())


@pytest.mark.parametrize("seed", [*FAST, *LONG])
def test_a_killed_cluster(whole: Path, tmp_path: Path, seed: int) -> None:
    """A scheduler and workers of their own; what was killed is there again for the next command."""
    bench, rng = bench_beside(whole, tmp_path), random.Random(f"cluster {seed}")
    with cluster(bench) as dask:
        slower, most = fewer(seed)
        kill = partial(kill_one_of, bench, rng, dask, 1.5 * slower, most)
        while attempt(bench, recipe_command("--scheduler", dask.up()), kill) != 0:
            assert bench.kills.total() < MANY, "the command makes no way"
    report(bench, seed)
    same_results(bench, whole)
    # A task of a killed command may still be at work on each worker when the next one begins.
    assert redone(bench) <= 2 * bench.kills.total()


VICTIMS = ("process", "scheduler", "worker 0", "worker 1")


def kill_one_of(
    bench: Bench,
    rng: random.Random,
    dask: Cluster,
    longest: float,
    most: int,
    process: BaseProcess,
) -> None:
    while bench.kills.total() < most and pause(rng, longest, process):
        what = rng.choice(VICTIMS)
        victim = process if what == "process" else dask.processes[what]
        if victim.is_alive():
            bench.kill(victim, what.split()[0])
        if what == "scheduler":
            return
        dask.up()
