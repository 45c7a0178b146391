"""Noise models in batches: equal to the array code, and seen by training."""

import numpy as np
import pytest
import torch

from degrade.noise.injection import inject_scaled, inject_synthesised, white_noise
from degrade.randomness import stream
from sr_train.data.crops import add_scaled, add_synthesised, unit_batch
from sr_train.data.noise import noisy
from sr_train.data.training_data import training_data
from tests.degrade.noise.shot import SHOT
from tests.degrade.noise.test_sensor import simple_sensor

CPU = torch.device("cpu")
SENSOR = simple_sensor()
LEFT = np.array([0.0, 0.2], np.float32)


def pictures() -> np.ndarray:
    return np.random.default_rng(3).random((2, 8, 8, 3), dtype=np.float32)


def tensors() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    deviation, grain, mixing = SENSOR.deviation, SENSOR.grain, SENSOR.mixing
    return torch.from_numpy(deviation), torch.from_numpy(grain), torch.from_numpy(mixing)


def test_scaled_noise_is_that_of_the_array_code() -> None:
    lr = pictures()
    noise = np.random.default_rng(4).integers(90, 160, (2, 8, 8, 3), dtype=np.uint8)
    batch = torch.from_numpy(lr).permute(0, 3, 1, 2)
    found = add_scaled(batch, unit_batch(noise, CPU), tensors()[0], torch.from_numpy(LEFT))
    for made, image, patch, left in zip(found, lr, noise, LEFT, strict=True):
        expected = inject_scaled(image, patch, np.random.default_rng(), SENSOR, float(left))
        np.testing.assert_allclose(made.permute(1, 2, 0).numpy(), expected, atol=1e-6)


def test_synthesised_noise_is_that_of_the_array_code() -> None:
    lr = pictures()
    white = np.stack([white_noise(stream(i, "n"), 8, 8) for i in range(2)])
    batch = torch.from_numpy(lr).permute(0, 3, 1, 2)
    left = torch.from_numpy(LEFT)
    found = add_synthesised(batch, torch.from_numpy(white), tensors(), left)
    for i, (made, image) in enumerate(zip(found, lr, strict=True)):
        expected = inject_synthesised(image, stream(i, "n"), SENSOR, float(LEFT[i]))
        np.testing.assert_allclose(made.permute(1, 2, 0).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("model", ["scaled", "synthesised"])
def test_training_sees_the_models_noise_whole_or_in_shares(
    make_pairs, make_noise, make_settings, model
) -> None:
    bank = make_noise()
    object.__setattr__(bank, "sensor", SENSOR)
    clean = training_data(make_pairs(), None, make_settings(noise=False, batch=4))
    data = training_data(make_pairs(), bank, make_settings(noise_model=model, batch=4))
    whole = data.batch(5, slice(None), CPU).lr
    halves = [data.batch(5, part, CPU).lr for part in (slice(0, 2), slice(2, 4))]
    torch.testing.assert_close(torch.cat(halves), whole, rtol=0, atol=1e-6)
    difference = whole - clean.batch(5, slice(None), CPU).lr
    assert 0.5 < 255 * float(difference.std()) < 8
    published = training_data(make_pairs(), bank, make_settings(batch=4))
    assert not torch.equal(published.batch(5, slice(None), CPU).lr, whole)


def test_a_model_that_is_not_known_in_batches_is_added_crop_by_crop(make_noise) -> None:
    """In equal shares, and with the streams of the crops' places."""
    lr = np.random.default_rng(5).random((4, 8, 8, 3), dtype=np.float32)
    batch, left = torch.from_numpy(lr).permute(0, 3, 1, 2), np.zeros(4, np.float32)

    def made(part: slice) -> torch.Tensor:
        return noisy(SHOT, batch[part], make_noise(), left[part], (7, "n", 3), 4, part)

    whole = made(slice(None))
    assert torch.equal(torch.cat([made(slice(0, 1)), made(slice(1, 4))]), whole)
    for place, image in enumerate(lr):
        expected = SHOT.inject(image, make_noise(), stream(7, "n", 3, place), 0.0)
        np.testing.assert_array_equal(whole[place].permute(1, 2, 0).numpy(), expected)
