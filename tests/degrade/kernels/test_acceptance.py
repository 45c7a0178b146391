"""What is refused, before training and after."""

import re

import numpy as np
import pytest

from degrade.kernels.acceptance import examine, judge, refuse, unusable
from degrade.kernels.estimator_settings import KernelSettings
from tests.degrade.kernels.lanes import photo
from tests.degrade.kernels.test_shape import gaussian

SETTINGS = KernelSettings(iterations=15)


def columns(values: np.ndarray, side: int = 100) -> np.ndarray:
    return np.broadcast_to(values[None, :, None], (side, side, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (photo(0, 85, 120), "120x85 pixels, too small: each side needs 86 or more"),
        (np.full((100, 100, 3), 90, np.uint8), "flat: all pixels have one value"),
        (
            columns(np.random.default_rng(0).random(100)),
            "constant along one axis: the blur along it cannot be seen",
        ),
        (
            columns(np.random.default_rng(0).random(100)).swapaxes(0, 1),
            "constant along one axis: the blur along it cannot be seen",
        ),
        (
            np.add.outer(np.arange(100), np.arange(100))[..., None].repeat(3, 2).astype(np.uint8),
            "no texture: no gradients stand out to learn from",
        ),
        (np.full((100, 100, 3), np.nan, np.float32), "some pixels are not finite numbers"),
    ],
    ids=["small", "flat", "columns", "rows", "ramp", "nan"],
)
def test_unusable_photos(picture: np.ndarray, reason: str) -> None:
    assert unusable(picture, SETTINGS) == reason
    assert examine(picture, SETTINGS) == reason


def test_the_smallest_photo_is_usable() -> None:
    assert unusable(photo(0, 86, 86), SETTINGS) is None


def test_refused_photos_have_one_estimate_per_restart() -> None:
    found = refuse("a.png", "flat", KernelSettings(restarts=2, seed=5, scale=4))
    assert [(e.key, e.seed, e.score, e.accepted, e.reason) for e in found] == [
        ("a.png", 5, 0.0, False, "flat"),
        ("a.png", 6, 0.0, False, "flat"),
    ]
    assert found[0].weights.shape == (32, 32) and not found[0].weights.any()


def only(kernel: np.ndarray):
    (found,) = judge("a.png", kernel[None].astype(np.float32), SETTINGS)
    return found


def test_a_good_kernel_is_accepted() -> None:
    found = only(gaussian(13, 6.5, 6.5))
    assert found.accepted and found.reason == "" and 0.9 < found.score <= 1
    assert found.weights.shape == (16, 16)


@pytest.mark.parametrize(
    ("kernel", "reason"),
    [
        (
            np.full((13, 13), np.nan),
            "training diverged: the kernel has no finite weights",
        ),
        (-gaussian(13, 6.5, 6.5), "training collapsed: the kernel sums to -1.00, not 1"),
        (gaussian(13, 6.5, 6.5) / 3, "training collapsed: the kernel sums to 0.33, not 1"),
        (gaussian(13, 9.5, 6.5), "its centre lay 3.0 pixels off"),
        (
            6 * gaussian(13, 6.5, 6.5) - 5 * gaussian(13, 6.5, 6.5, 3.0),
            r"\d\d% of its weight is negative",
        ),
        ((1 - 5 * gaussian(13, 6.5, 6.5)) / 164, r"\d\d% of its weight lies at its edge"),
    ],
    ids=["nan", "inverted", "collapsed", "off-centre", "negative", "edge"],
)
def test_bad_kernels_are_refused(kernel: np.ndarray, reason: str) -> None:
    found = only(kernel)
    assert not found.accepted and found.score == 0
    assert re.fullmatch(reason, found.reason.split("; ")[-1]), found.reason
    assert np.isfinite(found.weights).all()


def test_restarts_that_disagree_lower_the_score_or_refuse() -> None:
    settings = KernelSettings(iterations=15, restarts=2)
    alike = np.stack([gaussian(13, 6.5, 6.5), gaussian(13, 6.4, 6.5)]).astype(np.float32)
    apart = np.stack([gaussian(13, 6.5, 6.5, 0.5), gaussian(13, 6.5, 6.5, 2.0)]).astype(np.float32)
    good, bad = judge("a", alike, settings), judge("a", apart, settings)
    assert all(e.accepted and e.score > 0.8 for e in good)
    assert all(not e.accepted and "restarts differ by 1." in e.reason for e in bad)


def test_x4_kernels_lie_on_their_canvas() -> None:
    settings = KernelSettings(iterations=15, scale=4)
    (found,) = judge("a", gaussian(13, 6.5, 6.5)[None].astype(np.float32), settings)
    assert found.weights.shape == (32, 32)
    assert found.weights.sum() == pytest.approx(1, abs=1e-5)


def test_fewer_kept_weights_make_a_narrower_kernel() -> None:
    raw = gaussian(13, 6.5, 6.5, 2.0)[None].astype(np.float32)
    narrow, wide = (
        judge("a", raw, SETTINGS.model_copy(update={"kept_weights": n}))[0] for n in (20, 80)
    )
    assert narrow.weights.max() > 1.2 * wide.weights.max()
