import numpy as np
import pytest
from scipy.ndimage import convolve
from scipy.stats import gennorm

from degrade.errors import DegradeError, WeightsError
from degrade.images.colour import y_channel
from degrade.images.resize import bicubic
from sr_train.evaluation.niqe import asymmetric_gaussian, block_features, niqe, open_niqe
from tests.photos import make_photo

PHOTO = make_photo(3, 200, 300)


def window():
    gauss = np.exp(-0.5 * (np.arange(-3, 4) / (7 / 6)) ** 2)
    outer = np.outer(gauss, gauss)
    return outer / outer.sum()


def save(path, mean, covariance):
    np.savez(path, mu_pris_param=mean[None], cov_pris_param=covariance, gaussian_window=window())
    return open_niqe(path)


def features(image):
    """The two scales' features beside each other."""
    y = np.round(y_channel(image[:192, :288]))
    half = bicubic((y[..., None] / 255).astype(np.float32), 0.5)[..., 0].astype(np.float64) * 255
    return np.hstack([block_features(y, window(), 96), block_features(half, window(), 48)])


def test_it_is_the_distance_of_the_features(tmp_path):
    rows = features(PHOTO)
    assert rows.shape == (6, 36)
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(36, 36))
    covariance, away = factor @ factor.T, rng.normal(size=36)
    model = save(tmp_path / "p.npz", rows.mean(0) + away, covariance)
    pooled = (covariance + np.cov(rows.T)) / 2
    expected = np.sqrt(away @ np.linalg.solve(pooled, away))
    assert niqe(PHOTO, model) == pytest.approx(expected, rel=1e-6)
    assert niqe(PHOTO, save(tmp_path / "q.npz", rows.mean(0), covariance)) < 1e-6


def test_features_follow_the_paper():
    levels = np.random.default_rng(1).uniform(0, 255, (96, 96))
    mean = convolve(levels, window(), mode="nearest")
    variance = convolve(levels**2, window(), mode="nearest") - mean**2
    normal = (levels - mean) / (np.sqrt(np.abs(variance)) + 1)
    (row,) = block_features(levels, window(), 96)
    alpha, left, right = asymmetric_gaussian(normal)
    assert row[:2] == pytest.approx([alpha, (left + right) / 2])
    product = normal * np.roll(np.roll(normal, 1, 0), -1, 1)
    assert row[[14, 16, 17]] == pytest.approx(asymmetric_gaussian(product))


@pytest.mark.parametrize("shape", [0.8, 1, 2, 4])
def test_the_fit_finds_shape_and_scale(shape):
    values = gennorm.rvs(shape, scale=3, size=400_000, random_state=0)
    found, left, right = asymmetric_gaussian(values)
    assert found == pytest.approx(shape, rel=0.03)
    assert left == pytest.approx(3, rel=0.03) and right == pytest.approx(3, rel=0.03)


def test_flat_blocks_do_not_count(tmp_path):
    rows = features(PHOTO)
    image = PHOTO.copy()
    image[:110, :110] = 90
    model = save(tmp_path / "p.npz", rows.mean(0), np.eye(36))
    assert np.isnan(features(image)[0]).any() and np.isfinite(niqe(image, model))
    with pytest.raises(DegradeError, match="NIQE is not defined"):
        niqe(np.full_like(PHOTO, 90), model)
    with pytest.raises(DegradeError) as caught:
        niqe(PHOTO[:100, :190], model)
    assert str(caught.value) == (
        "image of 100 rows and 190 columns is too small for NIQE; it needs two blocks of 96x96"
    )


def test_parameter_files_that_will_not_do(tmp_path):
    with pytest.raises(WeightsError, match="no such file of NIQE parameters; check the path"):
        open_niqe(tmp_path / "none.npz")
    for data in (b"", b"text", b"PK\x03\x04"):
        (tmp_path / "bad.npz").write_bytes(data)
        with pytest.raises(WeightsError, match=r"not NIQE parameters; give an .npz with mu_pris"):
            open_niqe(tmp_path / "bad.npz")
    np.savez(tmp_path / "objects.npz", mu_pris_param=np.array([{}], dtype=object))
    with pytest.raises(WeightsError, match="not NIQE parameters"):
        open_niqe(tmp_path / "objects.npz")
    with pytest.raises(WeightsError, match=r"cov_pris_param is \(35, 35\) instead of \(36, 36\)"):
        save(tmp_path / "small.npz", np.zeros(36), np.eye(35))
