"""KernelGAN's .mat files."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from degrade.errors import SettingsError
from degrade.kernels.matfile import read_mat, write_mat
from degrade.kernels.shape import canvas_size, centre_of_mass, recentre
from tests.degrade.kernels.test_shape import gaussian


@pytest.mark.parametrize(("scale", "side", "centre"), [(2, 17, 8.5), (4, 33, 17.5)])
def test_round_trip(tmp_path: Path, scale: int, side: int, centre: float) -> None:
    size = canvas_size(scale)
    kernel = recentre(gaussian(size, size / 2 - 0.5, size / 2 - 0.5, 0.6 * scale), size)
    path = tmp_path / "photo_kernel.mat"
    write_mat(path, kernel, scale)
    written = loadmat(path)["Kernel"]
    assert written.shape == (side, side)
    assert written.sum() == pytest.approx(1)
    assert centre_of_mass(written) == pytest.approx((centre, centre), abs=0.01)
    assert np.abs(read_mat(path, scale) - kernel).sum() < 1e-4


def test_refusals(tmp_path: Path) -> None:
    path = tmp_path / "k.mat"
    with pytest.raises(SettingsError) as caught:
        write_mat(path, np.ones((13, 13)), 2)
    assert str(caught.value) == "k.mat: kernel of shape (13, 13) at x2: give 16x16"
    path.write_bytes(b"not a mat file, but long enough to be taken for one" * 10)
    with pytest.raises(SettingsError, match=r"k\.mat: not a readable MATLAB file: "):
        read_mat(path, 2)
    with pytest.raises(SettingsError, match=r"absent\.mat: not a readable MATLAB file: "):
        read_mat(tmp_path / "absent.mat", 2)
    savemat(path, {"K": np.ones((3, 3))})
    with pytest.raises(SettingsError, match='holds no array "Kernel"; give a file written by Kern'):
        read_mat(path, 2)
    savemat(path, {"Kernel": "text"})
    with pytest.raises(SettingsError, match='"Kernel" is <U4, not real numbers'):
        read_mat(path, 2)
    savemat(path, {"Kernel": np.ones((3, 4))})
    with pytest.raises(SettingsError, match=r"k\.mat: kernel of shape \(3, 4\): give a square one"):
        read_mat(path, 2)
