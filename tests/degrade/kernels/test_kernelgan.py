"""Whole estimates: order, seeds, refusals, schedules, and that training goes where it should."""

import numpy as np
import pytest
import torch

from degrade.errors import SettingsError
from degrade.kernels.generator import boundary_mask, penalties
from degrade.kernels.kernelgan import estimate_kernels, train
from degrade.kernels.schedule import LossWeights, learning_rate
from degrade.kernels.settings import KernelSettings
from degrade.kernels.shape import centre_of_mass
from tests.degrade.kernels.lanes import lanes_for, photo

CPU = torch.device("cpu")


def test_estimates_come_in_order_and_refused_photos_are_among_them() -> None:
    settings = KernelSettings(iterations=15, restarts=2, lanes=4, seed=3)
    photos = [photo(0), np.zeros((100, 100, 3), np.uint8), photo(1), photo(2)]
    counts: list[int] = []
    found = estimate_kernels(photos, list("abcd"), settings, on_iterations=counts.append)
    assert [(e.key, e.seed) for e in found] == [(k, s) for k in "abcd" for s in (3, 4)]
    assert [e.reason for e in found[2:4]] == ["flat: all pixels have one value"] * 2
    assert all(e.weights.shape == (16, 16) and np.isfinite(e.weights).all() for e in found)
    assert sum(counts) == 3 * 2 * 15


def test_same_seed_same_bytes_and_other_seeds_differ() -> None:
    settings = KernelSettings(iterations=30)
    lanes = lanes_for(2, settings)
    first, again = train(lanes, settings, CPU), train(lanes, settings, CPU)
    assert first.tobytes() == again.tobytes()
    other = train(lanes_for(2, settings.model_copy(update={"seed": 1})), settings, CPU)
    assert (other != first).all(axis=(1, 2)).all()


def test_a_restart_is_the_run_with_the_next_seed() -> None:
    settings = KernelSettings(iterations=30, restarts=2, lanes=2)
    second = estimate_kernels([photo()], ["a"], settings)[1]
    alone = estimate_kernels([photo()], ["a"], KernelSettings(iterations=30, seed=1))[0]
    assert second.seed == alone.seed == 1
    np.testing.assert_allclose(second.weights, alone.weights, atol=0.05)


def test_one_key_per_photo() -> None:
    with pytest.raises(SettingsError) as caught:
        estimate_kernels([photo()], [], KernelSettings())
    assert str(caught.value) == "1 photos and 0 keys: give one key per photo"


@pytest.mark.parametrize(
    "change", [{"as_published": True}, {"crop": 48}, {"shave": 4}, {"learning_rate": 1e-3}]
)
def test_every_option_of_training_changes_the_kernel(change: dict[str, object]) -> None:
    plain = KernelSettings(iterations=30)
    changed = plain.model_copy(update=change)
    kernels = [train(lanes_for(1, s), s, CPU) for s in (plain, changed)]
    assert (kernels[0] != kernels[1]).all()


def test_training_makes_the_kernel_sum_to_one_near_the_centre() -> None:
    settings = KernelSettings(iterations=120, learning_rate=1e-3)
    (kernel,) = train(lanes_for(1, settings), settings, CPU)
    assert kernel.sum() == pytest.approx(1, abs=0.2)
    positive = kernel.clip(min=0)
    assert np.abs(np.array(centre_of_mass(positive)) - 6.5).max() < 1.5
    assert positive[3:10, 3:10].sum() > 0.7 * positive.sum()


def test_learning_rate_falls_after_each_quarter() -> None:
    settings = KernelSettings()
    rates = [learning_rate(i, settings) for i in (0, 750, 751, 1500, 1501, 2250, 2251, 2999)]
    assert rates == pytest.approx([2e-4, 2e-4, 2e-5, 2e-5, 2e-6, 2e-6, 2e-7, 2e-7])


def test_loss_weights_change_lane_by_lane_once_close_to_bicubic() -> None:
    weights = LossWeights(2, KernelSettings(), CPU)
    seen = {}
    for iteration in range(1001):
        weights.update(iteration, torch.tensor([0.0, 1.0]))
        seen[iteration] = (weights.bicubic[0].item(), weights.centre[0].item())
    assert seen[199] == (5.0, 0.0)
    assert seen[200] == pytest.approx((0.05, 0.0))
    assert seen[400] == pytest.approx((5e-4, 1.0))
    assert seen[1000] == pytest.approx((5e-6, 1.0))
    assert weights.sparse.tolist() == [5.0, 0.0]
    assert weights.bicubic[1].item() == 5.0


def test_three_close_losses_in_a_row_are_needed() -> None:
    weights = LossWeights(1, KernelSettings(), CPU)
    for iteration in range(401):
        weights.update(iteration, torch.tensor([float(iteration % 3 == 0)]))
    assert weights.bicubic.item() == 5.0


def test_the_discriminator_has_no_say_while_a_kernel_is_near_zero() -> None:
    kernels = torch.stack([torch.full((13, 13), total / 169) for total in (0.9, 0.1, -1.0)])
    assert LossWeights(3, KernelSettings(), CPU).adversarial(kernels).tolist() == [1, 0, 0]
    published = LossWeights(3, KernelSettings(as_published=True), CPU)
    assert published.adversarial(kernels).tolist() == [1, 1, 1]


def test_a_weight_of_exactly_zero_has_a_finite_slope() -> None:
    kernel = torch.rand(1, 13, 13) / 85
    kernel[0, 3, 4] = 0
    kernel.requires_grad_()
    one = torch.ones(1)
    penalties(kernel, one, one, boundary_mask(CPU)).sum().backward()
    assert kernel.grad is not None and kernel.grad.isfinite().all()
