"""Whole estimates: order, seeds, refusals, schedules, and that training goes where it should."""

import numpy as np
import pytest
import torch

from degrade.errors import SettingsError, TrainingError
from degrade.kernels import kernelgan
from degrade.kernels.estimator_settings import KernelSettings
from degrade.kernels.generator import boundary_mask, penalties
from degrade.kernels.kernelgan import estimate_kernels, lanes_in, resolve, train
from degrade.kernels.kernelgan_schedule import Finish, GeneratorWeights, learning_rate
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
    weights = GeneratorWeights(2, KernelSettings(), CPU)
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
    weights = GeneratorWeights(1, KernelSettings(), CPU)
    for iteration in range(401):
        weights.update(iteration, torch.tensor([float(iteration % 3 == 0)]))
    assert weights.bicubic.item() == 5.0


def test_the_discriminator_has_no_say_while_a_kernel_is_near_zero() -> None:
    kernels = torch.stack([torch.full((13, 13), total / 169) for total in (0.9, 0.1, -1.0)])
    assert GeneratorWeights(3, KernelSettings(), CPU).adversarial(kernels).tolist() == [1, 0, 0]
    published = GeneratorWeights(3, KernelSettings(as_published=True), CPU)
    assert published.adversarial(kernels).tolist() == [1, 1, 1]


def test_a_weight_of_exactly_zero_has_a_finite_slope() -> None:
    kernel = torch.rand(1, 13, 13) / 85
    kernel[0, 3, 4] = 0
    kernel.requires_grad_()
    one = torch.ones(1)
    penalties(kernel, one, one, boundary_mask(CPU)).sum().backward()
    assert kernel.grad is not None and kernel.grad.isfinite().all()


def drifting(steps: int) -> list[torch.Tensor]:
    """Kernels of three lanes: the first stops moving at step 40, the second never, one is NaN."""
    kernels = torch.zeros(steps, 3, 13, 13)
    kernels[:, 0, 6, 6] = torch.arange(steps).clamp(max=40)
    kernels[:, 1, 6, 6] = torch.arange(steps)
    kernels[:, 2] = torch.nan
    return list(kernels)


def test_a_lane_keeps_the_kernel_it_converged_to() -> None:
    settings = KernelSettings(iterations=60)
    kernels = drifting(60)
    kernels[50][0] += 1  # Too late: it was finished at step 42.
    finish = Finish(kernels[0], settings)
    assert not any(finish.reached(step, kernel) for step, kernel in enumerate(kernels))
    kept = finish.kernels(kernels[-1])
    assert kept[:2, 6, 6].tolist() == [40, 59]
    assert kept[2].isnan().all()


@pytest.mark.parametrize("exact", [{"tolerance": 0}, {"as_published": True}])
def test_training_to_the_end_can_be_asked_for(exact: dict[str, object]) -> None:
    still = [torch.ones(2, 13, 13)] * 60
    stops = Finish(still[0], KernelSettings(iterations=60))
    assert [stops.reached(i, k) for i, k in enumerate(still)].index(True) == 30
    goes_on = Finish(still[0], KernelSettings(iterations=60, **exact))
    assert not any(goes_on.reached(i, k) for i, k in enumerate(still))


def test_a_converged_lane_does_not_wait_for_the_lanes_beside_it() -> None:
    settings = KernelSettings(iterations=40, tolerance=0.3, learning_rate=2e-3, precision="float32")
    lanes = lanes_for(2, settings)
    together = train(lanes, settings, CPU)
    np.testing.assert_allclose(train(lanes[1:], settings, CPU), together[1:], atol=1e-3)
    full = train(lanes, settings.model_copy(update={"tolerance": 0.0}), CPU)
    assert (full != together).any()


def small_memory(monkeypatch: pytest.MonkeyPatch, holds: int) -> list[int]:
    """Let ``train`` run out of memory with more than ``holds`` lanes; return the sizes it had."""
    sizes: list[int] = []

    def limited(lanes: list[object], *rest: object) -> object:
        sizes.append(len(lanes))
        if len(lanes) > holds:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return train(lanes, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(kernelgan, "train", limited)
    return sizes


def test_out_of_memory_halves_the_lanes_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = KernelSettings(iterations=15, lanes=5)
    photos, keys = [photo(i) for i in (0, 1, 2, 3, 5)], list("abcde")
    whole = estimate_kernels(photos, keys, settings)
    sizes = small_memory(monkeypatch, holds=2)
    halved = estimate_kernels(photos, keys, settings)
    assert sizes == [5, 2, 3, 1, 2]
    assert [e.key for e in halved] == keys
    for ours, theirs in zip(halved, whole, strict=True):
        np.testing.assert_allclose(ours.weights, theirs.weights, atol=1e-3)


def test_too_little_memory_for_one_lane_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    small_memory(monkeypatch, holds=0)
    with pytest.raises(TrainingError) as caught:
        estimate_kernels([photo()], ["a"], KernelSettings(iterations=15))
    assert str(caught.value) == (
        "device cpu: its memory does not hold one estimate; free some, choose a smaller crop, or "
        "use --device cpu"
    )


def test_lanes_follow_from_memory_by_powers_of_two_of_photos() -> None:
    assert lanes_in(2**34, KernelSettings()) == 512
    assert lanes_in(2**34, KernelSettings(restarts=3)) == 3 * 128
    assert lanes_in(2**34 + 2**32, KernelSettings()) == 512
    assert lanes_in(2**34, KernelSettings(crop=128)) == 128
    assert lanes_in(2**40, KernelSettings()) == 1024
    assert lanes_in(1, KernelSettings(restarts=3)) == 3


def test_auto_precision_is_settled_by_the_device_and_the_published_code_by_float32() -> None:
    assert resolve(KernelSettings(), CPU).precision in ("float32", "bfloat16")
    assert resolve(KernelSettings(as_published=True), CPU).precision == "float32"
    asked = KernelSettings(as_published=True, precision="bfloat16", lanes=3)
    assert resolve(asked, CPU) == asked
