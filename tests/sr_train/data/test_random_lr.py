"""A share of random LR among measured: of its own HR, drawn by crop, the same however it is cut."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from degrade.camera.camera_samples import CameraSamples
from degrade.camera.parameters import PARAMETERS, from_shares
from sr_train.data.crops import drawn
from sr_train.data.training_data import training_data
from tests.sr_train.data.test_batches import ArrayKernels, batch
from tests.sr_train.small_runs import Stopped, stop_at, train

CPU = torch.device("cpu")


@pytest.fixture
def smooth_pairs(make_pairs):
    """Pairs whose HR has structures that every degradation leaves."""
    smooth = gaussian_filter(np.random.default_rng(0).random((6, 96, 96, 3)), (0, 5, 5, 0))
    hr = (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
    lr = hr.reshape(6, 48, 2, 48, 2, 3).mean((2, 4)).astype(np.uint8)
    pairs = make_pairs()
    return replace(pairs, hr=replace(pairs.hr, array=hr), lr=replace(pairs.lr, array=lr))


def likeness(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the correlation of each of two batches' pictures."""
    a, b = (each.mean(1).flatten(1) for each in (first, second))
    a, b = (each - each.mean(1, keepdim=True) for each in (a, b))
    return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))


@pytest.mark.parametrize("way", ["stored", "on-the-fly", "camera"])
def test_random_lr_is_of_its_own_hr(smooth_pairs, make_settings, way: str) -> None:
    degradation = "auto" if way == "camera" else way
    settings = make_settings(
        noise=False, batch=32, crop=48, random_share=1.0, degradation=degradation
    )
    box = ArrayKernels(np.full((1, 4, 4), 1 / 16, np.float32), np.array([True]))
    camera = CameraSamples(from_shares(np.full((1, len(PARAMETERS)), 0.5)), (), np.zeros(0))
    bank = camera if way == "camera" else None
    lr, hr = batch(training_data(smooth_pairs, None, settings, box, bank=bank), 0)
    small = torch.nn.functional.avg_pool2d(hr, 2)
    own = likeness(lr, small).median()
    moved = [likeness(lr, small.roll(by, axis)).median() for by in (-2, 2) for axis in (2, 3)]
    assert own > 0.8 and own > max(moved) + 0.02
    assert own > likeness(lr, small.transpose(2, 3)).median() + 0.1


def test_the_others_are_as_without(make_pairs, make_noise, make_settings) -> None:
    settings = make_settings(batch=40, random_share=0.3)
    with_share = training_data(make_pairs(), make_noise(), settings)
    without = training_data(make_pairs(), make_noise(), make_settings(batch=40))
    counts = []
    for step in range(5):
        (lr, hr), (plain, plain_hr) = batch(with_share, step), batch(without, step)
        same = (lr == plain).flatten(1).all(1)
        assert torch.equal(hr, plain_hr)
        assert torch.equal(same, torch.from_numpy(~drawn(settings, step)))
        counts.append(int((~same).sum()))
    assert sum(counts) / 200 == pytest.approx(0.3, abs=0.1) and len(set(counts)) > 1
    pairs = (with_share.validation(CPU).lr, without.validation(CPU).lr)
    assert torch.equal(*pairs), "scores stay comparable"


def test_it_gets_no_noise_of_the_bank(make_pairs, make_noise, make_settings) -> None:
    noisy = training_data(make_pairs(), make_noise(), make_settings(batch=8, random_share=1.0))
    settings = make_settings(batch=8, random_share=1.0, noise=False)
    clean = training_data(make_pairs(), None, settings)
    assert torch.equal(batch(noisy, 2)[0], batch(clean, 2)[0])


def test_shares_of_a_batch_are_its_parts(make_pairs, make_noise, make_settings) -> None:
    settings = make_settings(batch=6, random_share=0.5)
    data = training_data(make_pairs(), make_noise(), settings)
    whole = data.batch(1, slice(None), CPU)
    halves = [data.batch(1, part, CPU).lr for part in (slice(0, 3), slice(3, 6))]
    assert 0 < drawn(settings, 1).sum() < 6
    assert torch.equal(torch.cat(halves), whole.lr)


def test_crops_begin_anywhere_in_jpegs_units(smooth_pairs, make_settings) -> None:
    """Blocks of 8 would else be at the same places of each crop, and learnt."""
    settings = make_settings(noise=False, batch=64, crop=48, random_share=1.0, flips=False)
    grey = np.full_like(smooth_pairs.hr.array, 120)
    flat = replace(smooth_pairs, hr=replace(smooth_pairs.hr, array=grey))
    lr, _ = batch(training_data(flat, None, settings), 0)
    steps = (lr - lr.roll(1, 3)).abs().mean((0, 1, 2))[1:]
    at_phase = torch.stack([steps[phase::8].mean() for phase in range(8)])
    assert at_phase.max() < 1.15 * at_phase.min()


def test_stopped_and_resumed_is_the_same_to_the_bit(
    tmp_path: Path, make_pairs, make_noise, make_settings
) -> None:
    data, settings = (make_pairs(), make_noise()), make_settings(random_share=0.5)
    whole = train(*data, settings, tmp_path / "whole")
    with pytest.raises(Stopped):
        train(*data, settings, tmp_path / "run", progress=stop_at(3))
    resumed = train(*data, settings, tmp_path / "run", resume=True)
    assert resumed.read_bytes() == whole.read_bytes()
    other = train(*data, make_settings(random_share=0.4), tmp_path / "other")
    assert other.read_bytes() != whole.read_bytes()
