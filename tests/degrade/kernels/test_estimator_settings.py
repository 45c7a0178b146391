"""Bounds of the settings, and what follows from them."""

import pytest
from pydantic import ValidationError

from degrade.kernels.estimator_settings import KernelSettings


def test_sizes_that_follow() -> None:
    settings = KernelSettings(lanes=8, restarts=3)
    assert (settings.downscaled_crop, settings.min_side, settings.photos_per_batch) == (26, 86, 2)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"scale": 3}, "Input should be 2 or 4"),
        ({"iterations": 3}, "greater than or equal to 15"),
        ({"crop": 63}, "multiple of 2"),
        ({"learning_rate": 0}, "greater than 0"),
        ({"colour": 1}, "Extra inputs are not permitted"),
        (
            {"restarts": 4, "lanes": 2},
            "lanes = 2 cannot hold the 4 restarts of one photo; set lanes to 4 or more",
        ),
    ],
)
def test_bad_values_are_refused(values: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        KernelSettings(**values)


def test_every_field_is_described() -> None:
    fields = KernelSettings.model_fields
    assert len(fields) > 5
    assert all(field.description for field in fields.values())


def test_what_is_left_to_the_device_is_what_nobody_set() -> None:
    assert KernelSettings().left_to_device == {"precision", "lanes"}
    assert KernelSettings(lanes=8).left_to_device == {"precision"}
    assert KernelSettings(lanes=8, precision="float32").left_to_device == set()
