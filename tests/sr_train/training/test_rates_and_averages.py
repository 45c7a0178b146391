"""Learning-rate schedules, clipped gradients and averaged weights."""

import pytest
import torch
from torch import nn

from sr_train.settings.common import StageSettings
from sr_train.training.optimisers import (
    multistep,
    prepare_gradients,
    rate_at,
    start_average,
    update_average,
)


def test_multistep_is_torchs() -> None:
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.4)
    reference = torch.optim.lr_scheduler.MultiStepLR(optimiser, [2, 5], 0.5)
    for step in range(8):
        assert multistep(0.4, step, [2, 5], 0.5) == pytest.approx(reference.get_last_lr()[0])
        optimiser.step()
        reference.step()


def test_cosine_is_torchs_with_its_restarts_and_warm_up() -> None:
    stage = StageSettings(
        steps=12,
        learning_rate=0.4,
        betas=(0.9, 0.99),
        milestones=(),
        schedule="cosine",
        periods=2,
        final_rate=0.1,
    )
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.4)
    reference = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, 6, eta_min=0.1)
    for step in range(12):
        assert rate_at(stage, step) == pytest.approx(reference.get_last_lr()[0])
        warming = stage.model_copy(update={"warm_up": 3})
        assert rate_at(warming, step) == pytest.approx(
            rate_at(stage, step) * min(1, (step + 1) / 4)
        )
        optimiser.step()
        reference.step()


def test_gradients_are_clipped_before_the_step() -> None:
    weights = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))]
    optimiser = torch.optim.SGD(weights, lr=1.0)
    prepare_gradients(optimiser, clip=2.5)
    weights[0].grad, weights[1].grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
    optimiser.step()
    torch.testing.assert_close(torch.cat([*weights]).detach(), -torch.tensor([1.5, 0.0, 2.0]))


def test_average_follows_with_a_rising_decay() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = start_average(network, 0.5)
    expected = 0.0
    for step, value in enumerate((1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0)):
        nn.init.constant_(network.weight, value)
        update_average(average, network, 0.5, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        assert average.weight.item() == pytest.approx(expected, rel=1e-6)


def test_no_average_is_the_network_itself() -> None:
    network = nn.Linear(1, 1)
    assert start_average(network, 0.0) is network
    update_average(network, network, 0.0, 0)
