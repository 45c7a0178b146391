"""What a run measures at validation: the scores that `degrade evaluate` gives, in the run's log."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from degrade.errors import SettingsError
from sr_train.data.training_data import training_data
from sr_train.evaluation.metric_table import lpips_distance
from sr_train.evaluation.metrics import PROTOCOLS
from sr_train.evaluation.scoring import Scorer
from sr_train.methods import esrgan
from sr_train.networks.lpips import Lpips
from sr_train.training import training_run
from sr_train.training.validation import validation_scores


@pytest.fixture
def lpips() -> Lpips:
    torch.manual_seed(0)
    network = Lpips("vgg")
    for weight in network.linear:
        torch.nn.init.uniform_(weight)
    return network


def images(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    hr = torch.rand(2, 3, side, side, generator=rng)
    return hr + 0.2 * torch.randn(hr.shape, generator=rng), hr


def levels(image: torch.Tensor) -> np.ndarray:
    scaled = image.clamp(0, 1).numpy().transpose(1, 2, 0) * 255
    return np.floor(scaled + 0.5).astype(np.uint8)


def test_scores_are_those_of_evaluation(lpips: Lpips) -> None:
    sr, hr = images(32)
    found = validation_scores(sr, hr, 2, lpips)
    pairs = [(levels(a), levels(b)) for a, b in zip(sr, hr, strict=True)]
    rows = [Scorer(PROTOCOLS["basicsr"], 2).score(*pair) for pair in pairs]
    assert found["psnr"] == pytest.approx(np.mean([row.psnr for row in rows]), abs=1e-3)
    assert found["ssim"] == pytest.approx(np.mean([row.ssim for row in rows]), abs=1e-4)
    distances = [lpips_distance(lpips, *pair) for pair in pairs]
    assert found["lpips"] == pytest.approx(np.mean(distances), rel=1e-4)


def test_the_border_does_not_count_and_no_error_is_100_db() -> None:
    _, hr = images(20)
    sr = hr.clone()
    sr[..., :2, :] = 0
    assert validation_scores(sr, hr, 2) == {"psnr": 100, "ssim": 1}
    assert validation_scores(sr, hr, 1)["psnr"] < 30


def test_crops_too_small_for_ssim_are_scored_by_psnr() -> None:
    sr, hr = images(14)
    assert set(validation_scores(sr, hr, 2)) == {"psnr"}
    assert set(validation_scores(sr, hr, 1)) == {"psnr", "ssim"}


def test_a_runs_log_has_them(tmp_path: Path, make_pairs, make_settings, lpips: Lpips) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = make_settings(noise=False)
    training_run.train(
        esrgan.METHOD,
        training_data(make_pairs(), None, settings),
        settings,
        tmp_path,
        lpips=lpips,
    )
    lines = map(json.loads, (tmp_path / "log" / "metrics.jsonl").read_text().splitlines())
    rows = [row for row in lines if "psnr" in row]
    assert [(row["stage"], row["step"]) for row in rows] == [("psnr", 3), ("gan", 5)]
    assert all(row["lpips"] > 0 and -1 <= row["ssim"] <= 1 for row in rows)
    events = EventAccumulator(str(tmp_path / "log"))
    events.Reload()
    assert events.Scalars("gan/ssim")[0].value == pytest.approx(rows[1]["ssim"])


def test_crops_too_small_for_lpips_are_refused(
    tmp_path: Path, make_pairs, make_settings, lpips: Lpips
) -> None:
    settings = make_settings(noise=False)
    small = settings.model_copy(update={"crop": 8})
    data = training_data(make_pairs(), None, settings)
    expected = "crop 8 is too small for LPIPS on vgg, which needs 16 or more: give a larger crop"
    with pytest.raises(SettingsError, match=expected):
        training_run.train(esrgan.METHOD, data, small, tmp_path / "run", lpips=lpips)
    assert not (tmp_path / "run").exists()
