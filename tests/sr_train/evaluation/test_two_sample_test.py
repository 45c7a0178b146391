"""The two-sample test: areas that are known, and patches that are told apart or are not."""

import cv2
import numpy as np
import pytest

from degrade.fidelity.classifier_settings import FidelitySettings
from sr_train.evaluation.two_sample_test import area_under_curve, two_sample_auc

TRAINED, JUDGED = np.arange(4), np.arange(4, 6)
SETTINGS = FidelitySettings(steps=25, batch=16)


def noise(seed: int, deviation: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(128, deviation, (6, 24, 32, 32, 3)), 0, 255).astype(np.uint8)


def test_the_area_is_the_chance_that_a_positive_scores_more() -> None:
    one, other = np.array([3.0, 4, 5]), np.array([1.0, 2])
    assert area_under_curve(one, other) == 1 and area_under_curve(other, one) == 0
    assert area_under_curve(one, one) == 0.5
    assert area_under_curve(np.array([1.0, 3]), np.array([2.0])) == 0.5


def test_blur_is_separated_and_equal_kinds_are_not() -> None:
    real, same, blurred = noise(0, 20), noise(1, 20), noise(2, 20)
    for patch in blurred.reshape(-1, 32, 32, 3):
        patch[:] = cv2.GaussianBlur(patch, (0, 0), 1)
    assert two_sample_auc(real, blurred, TRAINED, JUDGED, SETTINGS, 0) > 0.9
    assert abs(two_sample_auc(real, same, TRAINED, JUDGED, SETTINGS, 0) - 0.5) < 0.2


def test_the_seed_decides() -> None:
    real, other = noise(0, 20), noise(1, 22)
    few = SETTINGS.model_copy(update={"steps": 3})
    found = [two_sample_auc(real, other, TRAINED, JUDGED, few, seed) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    with pytest.raises(ValueError, match="once"):
        FidelitySettings(noise_models=("patch", "patch"))
