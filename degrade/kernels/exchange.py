"""Kernels as files of the published code: how they are named, found and judged on the way in."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import get_args

import numpy as np

from degrade.arrays import F32
from degrade.errors import NothingToDo, SettingsError
from degrade.kernels.matfile import read_mat, read_weights
from degrade.kernels.shape import Kernel, canvas_size, centre_of_mass
from degrade.scales import TrainedScale

MatScale = TrainedScale
MAX_SUM_ERROR = 0.05
"""Distance of a given kernel's sum from 1, above which it would brighten or darken the LR image.

KernelGAN moves a kernel to its place without normalising it again, which costs less than this.
"""

_PUBLISHED = re.compile(r"(?P<name>.+)_kernel_x(?P<scale>\d+)")


def mat_scale(scale: int) -> MatScale:
    """Return a scale for which KernelGAN has a file layout.

    Raises:
        SettingsError: It has none.
    """
    known: dict[int, MatScale] = {one: one for one in get_args(MatScale)}
    if scale not in known:
        raise SettingsError(f"--scale {scale}: KernelGAN's .mat layout has scales 2 and 4 only")
    return known[scale]


def mat_path(name: str, scale: int) -> PurePosixPath:
    """Return where KernelGAN writes the kernel of the photo ``name``, relative to its results."""
    return PurePosixPath(name, f"{name}_kernel_x{scale}.mat")


def photo_of(path: PurePosixPath, scale: int) -> str | None:
    """Return the photo that a .mat file is named after, or None if it is for another scale.

    ``IMG_1_kernel_x4.mat`` belongs to IMG_1 at x4; ``IMG_1.mat`` to IMG_1 at any scale.
    """
    found = _PUBLISHED.fullmatch(path.stem)
    if found is None:
        return path.stem
    return found["name"] if int(found["scale"]) == scale else None


def photo_names(paths: Sequence[str]) -> list[str]:
    """Return a name for each photo, no two alike even where case does not count.

    It is the file's stem; photos that share one are named by their whole path instead.

    Args:
        paths: Posix paths, relative to the photos' folder.

    Raises:
        SettingsError: Two photos still have one name.
    """
    stems = [PurePosixPath(path).stem for path in paths]
    shared = Counter(stem.casefold() for stem in stems)
    names = [
        stem if shared[stem.casefold()] == 1 else path.replace("/", "__")
        for stem, path in zip(stems, paths, strict=True)
    ]
    first: dict[str, str] = {}
    for name, path in zip(names, paths, strict=True):
        other = first.setdefault(name.casefold(), path)
        if other != path:
            raise SettingsError(f"{path}: its kernel would have the name of {other}'s; rename one")
    return names


def find_mats(folder: Path, scale: int) -> list[PurePosixPath]:
    """Return the .mat files of a folder that can hold a kernel for ``scale``, sorted.

    Raises:
        SettingsError: The folder is not there.
        NothingToDo: It holds no such file.
    """
    if not folder.is_dir():
        raise SettingsError(f"--kernels {folder}: no such folder; name one with .mat files")
    every = sorted(
        PurePosixPath(path.relative_to(folder).as_posix())
        for path in folder.rglob("*")
        if path.suffix.lower() == ".mat" and path.is_file()
    )
    found = [path for path in every if photo_of(path, scale) is not None]
    if not found:
        others = f" ({len(every)} for other scales)" if every else ""
        raise NothingToDo(
            f"--kernels {folder}: holds no kernels for x{scale}{others}; expected files like "
            f"{mat_path('IMG_1', scale)}"
        )
    return found


@dataclass(frozen=True)
class GivenKernel:
    """A kernel that somebody else estimated.

    Attributes:
        weights: [S, S] on the scale's canvas, centred, sum 1; zeros if it is refused.
        reason: Why it is refused; empty if it is not.
        moved: HR pixels, down and right, by which it lay off-centre and was moved.
    """

    weights: F32
    reason: str = ""
    moved: tuple[float, float] = (0.0, 0.0)


def read_given(path: Path, scale: MatScale, *, centre: bool = False) -> GivenKernel:
    """Read a kernel that somebody else estimated, and judge it.

    Args:
        path: The file.
        scale: Of the kernel.
        centre: Move an off-centre kernel; otherwise it is refused.
    """
    nothing = np.zeros((canvas_size(scale),) * 2, np.float32)
    try:
        kernel = read_mat(path, scale)
    except SettingsError as error:
        return GivenKernel(nothing, str(error).removeprefix(f"{path}: "))
    stored = read_weights(path)
    total = float(stored.sum())
    if not abs(total - 1) <= MAX_SUM_ERROR:
        return GivenKernel(nothing, f"its weights sum to {total:.3g}, not 1")
    reason = misplaced(stored, scale, centre=centre)
    if reason:
        return GivenKernel(nothing, reason)
    down, right = off_centre(stored, scale)
    moved = max(abs(down), abs(right)) > MAX_OFFSET
    return GivenKernel(kernel, moved=(-down, -right) if moved else (0.0, 0.0))


MAX_OFFSET = 0.1
"""HR pixels by which a centre may miss its place: KernelGAN's own files miss it by less."""
MAX_LOST = 0.02
"""Share of a kernel's weight that may lie beyond the canvas."""


def off_centre(kernel: Kernel, scale: TrainedScale) -> tuple[float, float]:
    """Return how far down and right of its place a kernel's centre of mass lies, HR pixels.

    There are two places: KernelGAN's, (scale - 1) / 2 past the middle, and the middle itself, where
    KAIR, USRNet and DIV2KRK have it. The nearer one counts.

    Args:
        kernel: [S, S], finite, with a positive sum; negative weights do not count.
        scale: 2 or 4.
    """
    middle = (kernel.shape[0] - 1) / 2
    centre = np.array(centre_of_mass(kernel.clip(min=0)))
    offsets = [centre - place for place in (middle + (scale - 1) / 2, middle)]
    down, right = min(offsets, key=lambda offset: float(np.hypot(*offset)))
    return float(down), float(right)


def share_lost(kernel: Kernel, scale: TrainedScale) -> float:
    """Return the share of a kernel's weight beyond the canvas, its centre of mass in the middle."""
    weights = kernel.clip(min=0).astype(np.float64)
    half = canvas_size(scale) / 2
    from_centre = [np.abs(np.arange(len(weights)) - place) for place in centre_of_mass(weights)]
    down, right = ((half + 0.5 - away).clip(0, 1) for away in from_centre)  # parts of pixels, too
    return 1 - float(down @ weights @ right / weights.sum())


def misplaced(kernel: Kernel, scale: TrainedScale, *, centre: bool) -> str:
    """Return why a kernel cannot be taken as it is; empty if it can.

    Args:
        kernel: As `off_centre` takes it.
        scale: 2 or 4.
        centre: Off-centre kernels may be moved.
    """
    lost, side = share_lost(kernel, scale), canvas_size(scale)
    if lost > MAX_LOST:
        return (
            f"a canvas of {side}x{side} would cut off {lost:.0%} of its weight: it is too wide for "
            f"x{scale}"
        )
    down, right = off_centre(kernel, scale)
    if max(abs(down), abs(right)) > MAX_OFFSET and not centre:
        return (
            f"it is off-centre by {down:.2f}, {right:.2f} pixels (down, right); --centre moves it"
        )
    return ""
