"""Two processes give the gradients of one on the same batch; the files are written once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from degrade.errors import SettingsError
from sr_train.compute import parallel
from sr_train.compute.parallel import SharedBatchNorm2d, share
from tests.sr_train.compute.two_processes import one_step

HERE = Path(__file__).parent


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    path = os.pathsep.join((str(HERE.parents[2]), str(HERE)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    ended = subprocess.run(
        [*command, str(HERE / "two_processes.py"), str(tmp_path / "two")],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ended.returncode == 0, ended.stderr
    for stage in ("psnr", "gan"):
        one_step(tmp_path / "one" / stage, stage)
        one, two = (
            torch.load(tmp_path / name / stage / "checkpoint.pt", weights_only=True)["optimisers"]
            for name in ("one", "two")
        )
        for name, optimiser in one.items():
            for number, state in optimiser["state"].items():
                # Adam's first moment after one step is a tenth of the gradient.
                expected, found = state["exp_avg"], two[name]["state"][number]["exp_avg"]
                assert (found - expected).norm() <= 1e-3 * expected.norm() + 1e-8, (stage, name)
        logs = [tmp_path / n / stage / "log" / "metrics.jsonl" for n in ("one", "two")]
        records = [json.loads(log.read_text().splitlines()[0]) for log in logs]
        assert {record.pop("stage") for record in records} == {stage}
        assert records[1] == pytest.approx(records[0], rel=1e-4)


def test_shared_batch_norm_alone_is_batch_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    """With sums over a single process, the shared formula must give torch's own result."""
    ours, torchs = SharedBatchNorm2d(3), torch.nn.BatchNorm2d(3)
    x = (torch.rand(4, 3, 5, 5) * 3 + 1).requires_grad_()
    y = x.detach().clone().requires_grad_()
    monkeypatch.setattr(parallel, "processes", lambda: 2)
    monkeypatch.setattr(parallel.dist, "all_reduce", lambda total: total.mul_(2))
    weights = torch.rand(4, 3, 5, 5)
    (ours(x) * weights).sum().backward()
    (torchs(y) * weights).sum().backward()
    torch.testing.assert_close(ours(x), torchs(y), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.running_mean, torchs.running_mean)
    torch.testing.assert_close(ours.running_var, torchs.running_var, rtol=1e-2, atol=1e-3)
    assert ours.num_batches_tracked == 2


def test_a_batch_that_cannot_be_dealt_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "processes", lambda: 3)
    monkeypatch.setattr(parallel, "rank", lambda: 2)
    assert share(9) == slice(6, 9)
    with pytest.raises(SettingsError) as caught:
        share(16)
    assert str(caught.value) == ("batch is 16, no multiple of the 3 processes: set batch to 15")
