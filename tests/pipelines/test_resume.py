"""A run that is killed at any moment and started again leaves the bytes of an uninterrupted one."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.photos import contents, write_photos

RECIPE = """
name: tiny
scale: 2
stages:
  kernels: {iterations: 40, lanes: 2, crop: 40, shave: 2, learning_rate: 2e-3}
  noise: {patch: 16, stride: 16}
  pairs: {tile: 16}
"""
COMMAND = "from degrade.cli.main import run; run()"


def start(folder: Path, store: str) -> "subprocess.Popen[bytes]":
    arguments = ["run", "recipe.yaml", "photos", "--store", store]
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_until_done(folder: Path, store: str, rng: random.Random, longest: float) -> int:
    """Start the run, kill it after a random time, and again, until it ends by itself."""
    kills = 0
    while True:
        process = start(folder, store)
        try:
            assert process.wait(rng.uniform(0.2, 0.8) * longest) == 0
            return kills
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            longest *= 1.2


SEEDS = [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 43))]
"""Each is two to eight kills; -m slow runs the long series."""


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_and_resumed_equals_uninterrupted(tmp_path: Path, seed: int) -> None:
    write_photos(tmp_path / "photos", 12, 96, 112)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    began = time.monotonic()
    assert start(tmp_path, "whole.zarr").wait() == 0
    seconds = time.monotonic() - began
    kills = kill_until_done(tmp_path, "killed.zarr", random.Random(seed), seconds)
    print(f"seed {seed}: {kills} kills")
    assert kills > 0
    assert contents(tmp_path / "killed.zarr") == contents(tmp_path / "whole.zarr")
