"""Photos that stand out are called what they are; the others are not called anything."""

import cv2
import numpy as np
import pytest

from degrade.images.keep import Keep
from degrade.images.outliers import outlier
from degrade.images.policy import KEEP
from degrade.images.scores import scores_of
from degrade.kernels.unfit_photos import unfit
from tests.degrade.images.test_scores import PHOTO, SCENE, blurred, enlarged, jpeg
from tests.photos import make_photo


def page(paper: int) -> np.ndarray:
    sheet = np.full((512, 640, 3), paper, np.uint8)
    for line in range(20, 500, 24):
        text = "as it was in the beginning"
        cv2.putText(sheet, text, (10, line), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (30, 30, 30), 1)
    return sheet


def grained(photo: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, deviation, photo.shape)
    return np.clip(photo + noise + 0.5, 0, 255).astype(np.uint8)


NATURAL = grained(SCENE, 1.5)
USUAL = scores_of(NATURAL)
SHOT = page(255)
SHOT[300:] = SCENE[300:]
ODD = {
    "a screenshot, drawing or text, or blown out": SHOT,
    "dark": grained(SCENE // 20, 1),
    "blown out": np.clip(grained(SCENE, 2).astype(int) * 3 - 60, 0, 255).astype(np.uint8),
    "underexposed": np.clip(grained(SCENE, 2).astype(int) - 110, 0, 255).astype(np.uint8),
    "a scan of a document, or things before a plain ground": grained(
        cv2.GaussianBlur(page(225), (0, 0), 0.8), 2
    ),
    "flat": grained(np.full_like(SCENE, 120), 2),
    "heavily compressed, or enlarged by repeating pixels": jpeg(8),
    "upscaled, or out of focus": grained(enlarged(2), 0.5),
    "noisy, or finely textured all over": grained(SCENE, 15),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_photos_are_called_what_they_are(kind: str) -> None:
    assert outlier(scores_of(ODD[kind]), USUAL).split(":")[0] == kind


def test_what_most_photos_are_does_not_stand_out() -> None:
    assert outlier(USUAL, USUAL) == ""
    for photo in (grained(blurred(2), 1), grained(enlarged(2), 1), grained(SCENE, 15)):
        assert outlier(scores_of(photo), scores_of(photo)) == ""


@pytest.mark.parametrize(
    "photo",
    [*ODD.values(), SCENE, PHOTO, make_photo(2), jpeg(80), SHOT[150:], SHOT[100:], SHOT[:200]],
)
def test_check_and_kernel_estimators_refuse_the_same_photos(photo: np.ndarray) -> None:
    """What `check` lets pass by default is no drawing and not saturated for kernels either."""
    reason = unfit(photo, 64)
    left_out = bool(Keep.of(KEEP).fault(scores_of(photo)))
    if left_out:
        assert reason != ""
    else:
        assert not reason.startswith(("a drawing", "saturated"))
