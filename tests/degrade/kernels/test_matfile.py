"""KernelGAN's .mat files."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from degrade.errors import SettingsError
from degrade.kernels.matfile import read_mat, read_weights, write_mat
from degrade.kernels.parametric import gaussian_kernel
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
    with pytest.raises(SettingsError, match='has a variable "Kernel" that holds no real numbers'):
        read_mat(path, 2)
    savemat(path, {"Kernel": np.ones((3, 4))})
    with pytest.raises(SettingsError, match=r"k\.mat: kernel of shape \(3, 4\): give a square one"):
        read_mat(path, 2)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "f4", "u1", "i2", "i8"])
def test_reads_what_scipy_writes(tmp_path: Path, compressed: bool, dtype: str) -> None:
    values = np.arange(42).reshape(6, 7).astype(dtype)
    others = {"aaa": "text", "b": [1, 2], "s": {"field": np.ones(3)}, "z": np.ones((2, 2)) * 1j}
    savemat(tmp_path / "k.mat", {**others, "Kernel": values}, do_compression=compressed)
    assert np.array_equal(read_weights(tmp_path / "k.mat"), values)


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_bytes_never_crash(tmp_path: Path, compressed: bool) -> None:
    kernel = gaussian(17, 8, 8, 1.5)
    savemat(tmp_path / "good.mat", {"Kernel": kernel}, do_compression=compressed)
    good = (tmp_path / "good.mat").read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "bad.mat"
    refused = 0
    for _ in range(1500):
        data = bytearray(
            good[: int(rng.integers(1, len(good) + 1))] if rng.random() < 0.3 else good
        )
        for place in rng.integers(0, min(len(data), 260), int(rng.integers(0, 5))):
            data[int(place)] = int(rng.integers(256))
        path.write_bytes(data)
        try:
            read_weights(path)
        except SettingsError as error:
            refused += 1
            assert str(error).startswith(f"{path}: ")
    assert refused > 300


def test_a_file_that_unpacks_to_far_more(tmp_path: Path) -> None:
    savemat(tmp_path / "k.mat", {"Kernel": np.zeros((3000, 3000))}, do_compression=True)
    with pytest.raises(SettingsError, match="unpacks to far more than a kernel"):
        read_weights(tmp_path / "k.mat")


def test_a_kernel_is_the_same_file_at_any_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = gaussian_kernel((1.5, 1.0), 0.3, 16)
    files = []
    for number, second in enumerate(("00:00:01", "00:00:02")):
        monkeypatch.setattr("time.asctime", lambda second=second: f"Mon Jan  1 {second} 2024")
        path = tmp_path / f"{number}.mat"
        write_mat(path, kernel, 2)
        files.append(path.read_bytes())
    assert files[0] == files[1] and len(files[0]) > 2000
