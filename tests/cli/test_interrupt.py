"""Ctrl-C stops within seconds, says so, and leaves nothing running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.photos import write_photos

ARGUMENTS = ["estimate-kernels", "photos", "--scale", "2", "--estimator", "kernelgan"]


@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c_stops_a_long_stage(tmp_path: Path, workers: int) -> None:
    write_photos(tmp_path / "photos", 4)
    code = "from degrade.cli.main import run; run()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *ARGUMENTS, "--workers", str(workers)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "degrade.zarr" / "kernels").exists():
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = process.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert process.returncode == 130
    assert (
        "degrade: stopped; estimate-kernels: 0 of 4 photos done; what is finished is kept" in said
    )
    assert "Traceback" not in said
