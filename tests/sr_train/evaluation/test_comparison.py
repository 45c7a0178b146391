"""Several results side by side: intervals, verdicts, the picture of the best and worst crop."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from degrade.errors import SettingsError
from sr_train.evaluation.best_worst_crops import (
    ENLARGED,
    SIDE,
    STEP,
    BestAndWorst,
    UpscaledVersions,
)
from sr_train.evaluation.comparison import Comparison, bootstrapped, compared
from sr_train.evaluation.metrics import psnr
from sr_train.evaluation.scoring import Evaluation, Pictures, Scores, evaluate_networks, mean_scores
from tests.sr_train.small_network import Nearest

RNG = np.random.default_rng(0)


def rows(*values: float, **more: list[float]) -> dict[str, Scores]:
    extra = [dict(zip(more, column, strict=True)) for column in zip(*more.values(), strict=True)]
    return {
        str(i): Scores(value, 0.9, 1.0, extra[i] if extra else {}) for i, value in enumerate(values)
    }


def test_the_interval_covers_as_often_as_it_says() -> None:
    draws = RNG.normal(1.0, 2.0, (80, 60))
    covered = [found.low <= 1 <= found.high for found in map(bootstrapped, draws)]
    assert 0.85 <= np.mean(covered) <= 1
    wide, narrow = bootstrapped(draws[0]), bootstrapped(np.tile(draws[0], 9))
    assert 2.5 < (wide.high - wide.low) / (narrow.high - narrow.low) < 3.5


def test_better_only_where_zero_is_excluded() -> None:
    first = rows(*RNG.normal(30, 5, 40))
    values = np.array([row.psnr for row in first.values()])
    for shift, noise, verdict in ((0.5, 0.1, "better"), (-0.5, 0.1, "worse"), (0, 1, "open")):
        other = rows(*(values + shift + noise * RNG.normal(size=40)))
        found = compared(other, first)["psnr"]
        assert found.verdict == verdict and found.images == 40
    assert compared(first, first)["psnr"].verdict == "open"
    one = compared(rows(31.0), rows(30.0))["psnr"]
    assert one.verdict == "open" and one.as_dict()["low"] is None


def test_what_should_be_like_hr_is_compared_by_how_far_it_is() -> None:
    soft = {str(i): Scores(30, 0.9, 0.5 + 0.01 * i, {"lpips": 0.3}) for i in range(9)}
    sharp = {str(i): Scores(30, 0.9, 1.2 + 0.01 * i, {"lpips": 0.4}) for i in range(9)}
    found = compared(sharp, soft)
    assert found["sharpness"].verdict == "better" and found["lpips"].verdict == "worse"
    assert found["sharpness"].mean == pytest.approx(0.24 - 0.46)


def test_infinite_and_missing_scores() -> None:
    first, second = rows(math.inf, 30), rows(40, 30)
    assert compared(second, first)["psnr"].mean == 30  # 100 dB stands for no error
    some = {"a": Scores(30, 0.9, 1, {"mtf50": 0.5}), "b": Scores(30, 0.9, 1)}
    assert mean_scores(some.values()).more == {"mtf50": 0.5}
    assert compared(some, some)["mtf50"].images == 1
    comparison = Comparison({"x": Evaluation(first, {}), "y": Evaluation(second, {})})
    assert json.dumps(comparison.as_dict(), allow_nan=False)


class Doubled(Nearest):
    """Another network, of another scale."""

    scale = 4


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(pixels).save(path)


def test_networks_are_scored_on_the_same_pictures(tmp_path: Path) -> None:
    lr = RNG.integers(0, 256, (40, 44, 3), dtype=np.uint8)
    write(tmp_path / "lr" / "a.png", lr)
    write(tmp_path / "hr" / "a.png", RNG.integers(0, 256, (80, 88, 3), dtype=np.uint8))
    pictures, seen = Pictures(tmp_path / "lr", tmp_path / "hr"), []
    found = evaluate_networks({"a": Nearest(), "b": Nearest()}, pictures, watch=seen.append)
    assert found["a"].images == found["b"].images and list(seen[0].networks) == ["a", "b"]
    means = Comparison(found).means
    assert list(means) == ["a", "b", "bicubic"] and means["a"] == found["a"].mean
    with pytest.raises(SettingsError, match=r"a is x2, b is x4: compare networks of one scale"):
        evaluate_networks({"a": Nearest(), "b": Doubled()}, pictures)


def test_the_picture_shows_where_a_network_gains_and_loses(tmp_path: Path) -> None:
    hr = RNG.integers(40, 200, (160, 160, 3), dtype=np.uint8)
    bicubic, network = hr.copy(), hr.copy()
    bicubic[:SIDE, :SIDE] += 20
    network[96:, 80 : 80 + SIDE] += 9
    extremes = BestAndWorst()
    extremes.watch(UpscaledVersions("p", bicubic, {"net": network}, hr))
    best, worst = extremes.best, extremes.worst
    assert (best.row, best.column) == (0, 0) and (worst.row, worst.column) == (96, 80)
    assert worst.gain < 0 < best.gain and best.row % STEP == 0
    extremes.save(tmp_path / "shown.png")
    sheet = np.asarray(Pillow.open(tmp_path / "shown.png"))
    crop = worst.versions[1].repeat(ENLARGED, 0).repeat(ENLARGED, 1)
    assert any(
        np.array_equal(sheet[y : y + 256, x : x + 256], crop)
        for y in range(sheet.shape[0] - 255)
        for x in range(0, sheet.shape[1] - 255, 8)
        if (sheet[y, x] == crop[0, 0]).all()
    )
    small = BestAndWorst()
    small.watch(UpscaledVersions("p", hr[:20], {"net": hr[:20]}, hr[:20]))
    with pytest.raises(SettingsError, match=r"s\.png: no HR has 64 rows and columns, .*--picture"):
        small.save(tmp_path / "s.png")
    assert psnr(hr[:9].astype(float), bicubic[:9].astype(float)) < 40
