import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from degrade.errors import DegradeError
from sr_train.evaluation.metrics import psnr, score_planes, sharpness, ssim

RNG = np.random.default_rng(5)
HR = RNG.integers(0, 256, (40, 52, 3), dtype=np.uint8)
SR = np.clip(HR + RNG.normal(0, 12, HR.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("colour", ["y", "ttsr-y", "rgb"])
def test_scores_agree_with_scikit_image(colour):
    a, b = score_planes(SR, 4, colour), score_planes(HR, 4, colour)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(b, a, data_range=255), abs=1e-9)
    maps = [
        structural_similarity(
            a[..., i],
            b[..., i],
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
            full=True,
        )[1][5:-5, 5:-5]
        for i in range(a.shape[2])
    ]
    assert ssim(a, b) == pytest.approx(np.mean(maps), abs=1e-6)


def test_y_is_studio_range_and_not_rounded():
    white = np.full((20, 20, 3), 255, np.uint8)
    np.testing.assert_allclose(score_planes(white, 0, "y"), 235)
    np.testing.assert_allclose(score_planes(white * 0, 0, "y"), 16)
    np.testing.assert_allclose(
        score_planes(HR, 0, "y")[..., 0],
        16 + HR @ np.array([65.481, 128.553, 24.966]) / 255,
    )


def test_ttsr_weighs_levels_over_256():
    np.testing.assert_allclose(
        score_planes(HR, 0, "ttsr-y")[..., 0],
        16 + HR @ np.array([65.738, 129.057, 25.064]) / 256,
    )


def test_sharpness_is_the_ratio_of_laplacian_variances():
    from scipy.ndimage import gaussian_filter, laplace

    planes = score_planes(HR, 0, "rgb")
    soft = gaussian_filter(planes, (1, 1, 0))
    ratios = [
        laplace(soft[..., i])[1:-1, 1:-1].var() / laplace(planes[..., i])[1:-1, 1:-1].var()
        for i in range(3)
    ]
    assert sharpness(soft, planes) == pytest.approx(np.mean(ratios))
    assert sharpness(soft, planes) < 0.5 < sharpness(planes, planes) == 1
    flat = np.ones((12, 12, 1))
    assert sharpness(flat, flat) == 1
    assert sharpness(planes[..., :1], 0 * planes[..., :1]) == float("inf")


def test_floating_point_images_score_as_8_bit_ones():
    for colour in ("y", "ttsr-y", "rgb"):
        exact = score_planes(HR, 3, colour)
        np.testing.assert_allclose(score_planes(HR / np.float32(255), 3, colour), exact, atol=1e-4)


def test_the_border_is_cut_on_every_side():
    framed = np.pad(HR, ((4, 4), (4, 4), (0, 0)), constant_values=7)
    assert (score_planes(framed, 4, "rgb") == HR).all()


def test_identical_images():
    planes = score_planes(HR, 0, "rgb")
    assert psnr(planes, planes) == float("inf")
    assert ssim(planes, planes) == pytest.approx(1, abs=1e-12)


def test_a_border_that_leaves_nothing_is_named():
    with pytest.raises(DegradeError) as caught:
        score_planes(HR, 15, "y")
    assert str(caught.value) == (
        "image of 40 rows and 52 columns leaves less than 11 pixels inside a border of 15; give a "
        "smaller border"
    )
