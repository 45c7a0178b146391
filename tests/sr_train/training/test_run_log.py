"""Records of a run: lines, pictures, what a dead run left."""

import json
from pathlib import Path

import torch
from PIL import Image

from sr_train.training.run_log import RunLog, grid


def test_log_drops_what_a_dead_run_wrote_after_its_checkpoint(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.values("psnr", step, {"pixel": 0.5 * step})
    log.close()
    lines = tmp_path / "log" / "metrics.jsonl"
    lines.write_text(lines.read_text() + '{"stage": "ps')
    log = RunLog(tmp_path, 2)
    log.values("gan", 3, {"pixel": 9.0})
    log.close()
    assert [json.loads(line) for line in lines.read_text().splitlines()] == [
        {"stage": "psnr", "step": 1, "pixel": 0.5},
        {"stage": "psnr", "step": 2, "pixel": 1.0},
        {"stage": "gan", "step": 3, "pixel": 9.0},
    ]


def test_tensorboard_reads_scalars_and_pictures(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = RunLog(tmp_path, 0)
    log.values("gan", 5, {"pixel": 0.25})
    log.pictures(5, torch.rand(2, 3, 4, 4), torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8))
    log.close()
    events = EventAccumulator(str(tmp_path / "log"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("gan/pixel")] == [(5, 0.25)]
    assert events.Images("samples")[0].step == 5
    assert Image.open(tmp_path / "samples" / "00000005.png").size == (24, 16)


def test_grid_shows_lr_sr_hr_side_by_side() -> None:
    lr, hr = torch.full((1, 3, 1, 1), 0.2), torch.full((1, 3, 2, 2), 1.0)
    sr = torch.tensor([[0.0, 0.5], [2.0, -1.0]]).expand(1, 3, 2, 2)
    expected = [[51, 51, 0, 128, 255, 255], [51, 51, 255, 0, 255, 255]]
    assert grid(lr, sr, hr)[..., 1].tolist() == expected
