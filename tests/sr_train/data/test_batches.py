"""Batches: aligned, reproducible by (seed, step), turned consistently, noise as published."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from degrade.degradation import downsample, margin
from degrade.errors import SettingsError, TrainingError
from degrade.images.colour import unit_float
from degrade.noise.injection import inject
from sr_train.data.crops import add_noise, degraded, unit_batch
from sr_train.data.training_data import TrainingData, training_data

CPU = torch.device("cpu")


def batch(data: TrainingData, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    made = data.batch(step, slice(None), CPU)
    return made.lr, made.hr


def validation_pairs(data: TrainingData) -> tuple[torch.Tensor, torch.Tensor]:
    made = data.validation(CPU)
    return made.lr, made.hr


def block_means(hr: torch.Tensor, scale: int) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(hr, scale)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("flips", [False, True])
def test_lr_and_hr_stay_aligned(make_pairs, make_settings, scale: int, flips: bool) -> None:
    settings = make_settings(noise=False, batch=16, flips=flips)
    data = training_data(make_pairs(scale), None, settings)
    for step in range(3):
        lr, hr = batch(data, step)
        assert lr.shape == (16, 3, 24 // scale, 24 // scale) and hr.shape == (16, 3, 24, 24)
        assert lr.dtype == hr.dtype == torch.float32
        torch.testing.assert_close(block_means(hr, scale), lr)


def test_a_batch_depends_on_seed_and_step_alone(make_pairs, make_noise, make_settings) -> None:
    settings = make_settings(batch=4)
    data = training_data(make_pairs(), make_noise(), settings)
    first = batch(data, 7)
    batch(data, 8)
    again = batch(data, 7)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    others = [
        batch(data, 8),
        batch(training_data(make_pairs(), make_noise(), make_settings(batch=4, seed=1)), 7),
    ]
    assert not any(torch.equal(first[1], other[1]) for other in others)


def test_noise_does_not_change_which_crops_are_drawn(make_pairs, make_noise, make_settings) -> None:
    with_noise, without = make_settings(noise=True), make_settings(noise=False)
    noisy = batch(training_data(make_pairs(), make_noise(), with_noise), 3)
    clean = batch(training_data(make_pairs(), make_noise(), without), 3)
    assert torch.equal(noisy[1], clean[1]) and not torch.equal(noisy[0], clean[0])


def test_noise_has_zero_mean_per_channel_and_crop(make_pairs, make_noise, make_settings) -> None:
    settings = make_settings(batch=8)
    pairs = make_pairs()
    data = training_data(pairs, make_noise(), settings)
    lr, hr = batch(data, 0)
    noise = lr - block_means(hr, pairs.scale)
    assert lr.min() > 0 and lr.max() < 1, "nothing was clipped"
    assert noise.mean((2, 3)).abs().max() < 1e-6
    assert noise.std().item() * 255 == pytest.approx(4, rel=0.1)
    assert len({n.numpy().tobytes() for n in noise}) == 8


def test_all_corners_and_all_eight_turns_occur(make_pairs, make_settings) -> None:
    settings = make_settings(noise=False, batch=32, crop=46)
    pairs = make_pairs(count=2)
    data = training_data(pairs, None, settings)
    lr = torch.cat([batch(data, step)[0] for step in range(16)])
    found = {(image * 255).round().numpy().astype(np.uint8).tobytes() for image in lr}
    tile = pairs.lr.array[0].transpose(2, 0, 1)
    crops = [tile[:, r : r + 23, c : c + 23] for r in (0, 1) for c in (0, 1)]
    rotated = [np.rot90(c, k, (1, 2)) for c in crops for k in range(4)]
    expected = {np.ascontiguousarray(t).tobytes() for t in rotated}
    expected |= {np.ascontiguousarray(t[:, :, ::-1]).tobytes() for t in rotated}
    assert found == expected and len(expected) == 32


def test_splits_are_kept_apart(make_pairs, make_settings) -> None:
    pairs = make_pairs(count=4, valid=2)
    for tiles in (pairs.hr, pairs.lr):
        tiles.array[:2] //= 2
        tiles.array[2:] |= 128
    settings = make_settings(noise=False, batch=32)
    data = training_data(pairs, None, settings)
    assert batch(data, 0)[1].max() < 0.5
    lr, hr = validation_pairs(data)
    assert lr.min() >= 0.5 and hr.shape == (2, 3, 24, 24)


def test_validation_pairs_are_central_and_always_the_same(
    make_pairs, make_noise, make_settings
) -> None:
    pairs, settings = make_pairs(valid=3, tile=48), make_settings(validation_tiles=2)
    data = training_data(pairs, make_noise(), settings)
    lr, hr = validation_pairs(data)
    expected = pairs.hr.array[[3, 5], 12:36, 12:36].transpose(0, 3, 1, 2) / np.float32(255)
    np.testing.assert_allclose(hr.numpy(), expected, rtol=1e-6)
    assert torch.equal(lr, validation_pairs(data)[0])
    assert (lr - block_means(hr, 2)).std() > 0.005
    none = training_data(make_pairs(valid=0), make_noise(), settings)
    assert len(validation_pairs(none)[0]) == 0


def test_batch_larger_than_the_set_is_refused(make_pairs, make_settings) -> None:
    pairs = make_pairs(tile=26, count=3)
    training_data(pairs, None, make_settings(noise=False, flips=False, batch=8))
    with pytest.raises(SettingsError) as caught:
        training_data(pairs, None, make_settings(noise=False, flips=False, batch=9))
    assert str(caught.value) == (
        "batch is 9, larger than the set: its 2 training pairs have 8 different crops of 24; "
        "set batch to at most 8"
    )


def test_what_does_not_fit_is_refused_with_a_remedy(make_pairs, make_noise, make_settings) -> None:
    def text(error: type[Exception], pairs, bank, **fields: object) -> str:
        with pytest.raises(error) as caught:
            training_data(pairs, bank, make_settings(**fields))
        return str(caught.value)

    assert text(SettingsError, make_pairs(), None, noise=False, crop=64) == (
        "crop is 64, the store's HR tiles are 48: set crop to at most 48, "
        "or run `degrade build-pairs --tile 64 --overwrite`"
    )
    assert text(SettingsError, make_pairs(3), None, noise=False, crop=32) == (
        "crop is 32, no multiple of scale 3: set it to 30"
    )
    assert text(SettingsError, replace(make_pairs(), scale=6), None, noise=False) == (
        "the pairs are x6: networks exist for scales (1, 2, 3, 4, 8)"
    )
    for bank in (None, make_noise(count=0)):
        assert text(TrainingError, make_pairs(), bank) == (
            "noise is on and the store has no noise patches: run `degrade mine-noise` first, "
            "or set noise to false"
        )
    assert text(SettingsError, make_pairs(), make_noise(size=8)) == (
        "LR crops are 12 pixels, the noise patches 8: set crop to at most 16, "
        "or run `degrade mine-noise --patch 12 --overwrite`"
    )
    baked = replace(make_pairs(), noise=np.array([-1, 4]))
    assert text(SettingsError, baked, make_noise()) == (
        "noise is on and these pairs have noise baked in already: set noise to false, "
        "or build the pairs without --bake-noise"
    )
    assert text(TrainingError, make_pairs(count=2, valid=2), make_noise()) == (
        "the x2 pairs have none in split 'train'; run `degrade build-pairs --scale 2` "
        "with more photos"
    )


def test_shares_of_a_batch_are_its_parts(make_pairs, make_noise, make_settings) -> None:
    data = training_data(make_pairs(), make_noise(), make_settings(batch=6))
    whole = data.batch(5, slice(None), CPU)
    halves = [data.batch(5, part, CPU) for part in (slice(0, 3), slice(3, 6))]
    assert torch.equal(torch.cat([half.lr for half in halves]), whole.lr)
    assert torch.equal(torch.cat([half.hr for half in halves]), whole.hr)


def test_noise_is_injected_as_the_array_code_does() -> None:
    rng = np.random.default_rng(3)
    lr = rng.random((2, 8, 8, 3), dtype=np.float32)
    noise = rng.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    found = add_noise(torch.from_numpy(lr).permute(0, 3, 1, 2), unit_batch(noise, CPU))
    for made, image, patch in zip(found, lr, noise, strict=True):
        expected = inject(image, patch, np.random.default_rng())
        np.testing.assert_allclose(made.permute(1, 2, 0).numpy(), expected, atol=1e-7)


def test_bytes_become_the_floats_that_the_array_code_makes() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, 3)
    assert np.array_equal(unit_batch(levels, CPU).permute(0, 2, 3, 1).numpy(), unit_float(levels))


@pytest.mark.parametrize(("scale", "side"), [(2, 16), (3, 9), (4, 32), (1, 7)])
def test_degrading_on_the_fly_is_the_degradation_of_the_whole_image(scale: int, side: int) -> None:
    """Inside the borders, LR of a crop is the crop of the LR of the image."""
    rng = np.random.default_rng(scale)
    around, crop = margin(side, scale), 8 * scale
    start = (around // scale + 2) * scale
    image = rng.integers(0, 256, (start + crop + around + 3 * scale,) * 2 + (3,), dtype=np.uint8)
    image = image[: len(image) // scale * scale, : len(image) // scale * scale]
    kernel = rng.random((side, side), dtype=np.float32)
    kernel /= kernel.sum()
    window = slice(start - around, start + crop + around)
    wide = unit_batch(image[None, window, window], CPU)
    found = degraded(wide, torch.from_numpy(kernel)[None], scale)[0].permute(1, 2, 0).numpy()
    expected = downsample(image, kernel, scale)[start // scale :, start // scale :][:8, :8]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@dataclass(frozen=True)
class ArrayKernels:
    weights: np.ndarray
    accepted: np.ndarray
    content: str = "kernels"


def _kernels(accepted: tuple[bool, ...] = (True, True)) -> ArrayKernels:
    one = np.zeros((6, 6), np.float32)
    one[2:4, 2:4] = 0.25
    weights = np.stack([one] * (len(accepted) - 1) + [np.full((6, 6), 1 / 36, np.float32)])
    return ArrayKernels(weights, np.array(accepted))


def test_on_the_fly_uses_the_accepted_kernels(make_pairs, make_settings) -> None:
    settings = make_settings(noise=False, batch=32, degradation="on-the-fly")
    data = training_data(make_pairs(), None, settings, _kernels((True, True, False)))
    lr, hr = batch(data, 0)
    assert lr.shape == (32, 3, 12, 12) and hr.shape == (32, 3, 24, 24)
    torch.testing.assert_close(lr, block_means(hr, 2))
    both = training_data(make_pairs(), None, settings, _kernels())
    blurred = (batch(both, 0)[0] - block_means(batch(both, 0)[1], 2)).abs().amax((1, 2, 3)) > 0.01
    assert 0 < blurred.sum() < 32
    assert data.content == "pairs no-noise kernels"


def test_on_the_fly_without_kernels_or_room_is_refused(make_pairs, make_settings) -> None:
    settings = make_settings(noise=False, degradation="on-the-fly")
    for bank in (None, _kernels((False, False))):
        with pytest.raises(TrainingError) as caught:
            training_data(make_pairs(), None, settings, bank)
        assert str(caught.value) == (
            "degradation is on-the-fly and the store has no accepted kernels for x2: "
            "run `degrade estimate-kernels --scale 2` first, or set it to stored"
        )
    with pytest.raises(SettingsError) as narrow:
        training_data(make_pairs(tile=26), None, settings, _kernels())
    assert str(narrow.value) == (
        "crop is 24, the kernels reach 2 pixels beyond it on each side, the store's HR tiles are "
        "26: set crop to at most 22, or degradation to stored"
    )
