"""KernelGAN's own kernel files: MATLAB, 17x17 at x2 and 33x33 at x4, off the middle by convention.

KernelGAN applies a kernel with scipy's correlate and keeps samples 0, s, 2s, ...; sampling at the
LR pixel's centre then needs a centre of mass (s - 1) / 2 pixels past the middle: 8.5 in 17, 17.5 in
33 (Bell-Kligler et al., NeurIPS 2019, and the code they released).
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.io import savemat

from degrade.arrays import F32
from degrade.errors import SettingsError
from degrade.kernels.mat5 import MAX_BYTES, read_matrix
from degrade.kernels.shape import Kernel, canvas_size, recentre
from degrade.scales import TrainedScale

_NAME = "Kernel"
_SIDES = {2: 17, 4: 33}


def write_mat(path: Path, kernel: Kernel, scale: TrainedScale) -> None:
    """Write a kernel as KernelGAN and RealSR's scripts expect it.

    Args:
        path: The file, ``*.mat``.
        kernel: [S, S] on the canvas of ``scale``, centred, sum 1. At x4 the last row and column
            have no place in 33x33; their weight goes to the others in proportion.
        scale: 2 or 4.

    Raises:
        SettingsError: The kernel is not on the canvas of ``scale``.
    """
    side = canvas_size(scale)
    if kernel.shape != (side, side):
        raise SettingsError(
            f"{path.name}: kernel of shape {kernel.shape} at x{scale}: give {side}x{side}"
        )
    before = scale // 2
    target = np.pad(kernel.astype(np.float64), (before, 0))[: _SIDES[scale], : _SIDES[scale]]
    savemat(path, {_NAME: target / target.sum()})


def read_mat(path: Path, scale: TrainedScale) -> F32:
    """Read a kernel written by KernelGAN or ``write_mat``.

    Whatever its size and centre, it is brought onto the canvas of ``scale`` with its centre of mass
    in the middle.

    Returns:
        [S, S] float32, non-negative, sum 1.

    Raises:
        SettingsError: The file is unreadable or holds no square array of finite numbers "Kernel".
    """
    kernel = read_weights(path)
    try:
        return recentre(kernel, canvas_size(scale))
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def read_weights(path: Path) -> npt.NDArray[np.float64]:
    """Read a file's array "Kernel" as it is stored.

    Raises:
        SettingsError: The file is unreadable, damaged, or holds no such array of real numbers.
    """
    try:
        with path.open("rb") as file:
            return read_matrix(file.read(MAX_BYTES + 1), _NAME)
    except KeyError as error:
        reason = f'holds no array "{_NAME}"; give a file written by KernelGAN'
        raise SettingsError(f"{path}: {reason}") from error
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: not a readable MATLAB file: {error}") from error
