"""Learned measures that look at SR alone, by packages: CLIP-IQA and ARNIQA; nothing is downloaded.

The packages would fetch their weights themselves; here these must be where the packages keep them.
"""

import importlib
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

import torch
from torch import Tensor, nn

from degrade.errors import SettingsError, WeightsError
from sr_train.weights.tensor_files import read_tensors
from sr_train.weights.weights_file import WeightsFile, weights_file

Regressor = Literal["koniq10k", "kadid10k"]
"""Whose people's scores ARNIQA's last layer was fitted to: of photos, or of made distortions."""

CLIP_FOLDER = "~/.cache/clip"
"""Where the package piq keeps its files."""
CLIP_URL = "https://github.com/photosynthesis-team/piq/releases/download/v0.7.1"
ARNIQA_URL = "https://github.com/miccunifi/ARNIQA/releases/download/weights"


@dataclass(frozen=True)
class NoReference:
    """A network that scores pictures from 0 to 1, better ones higher."""

    name: str
    network: nn.Module
    files: tuple[WeightsFile, ...]
    smallest: int
    """Least height and width that it takes."""

    def score(self, image: Tensor) -> float:
        """Return the score of one picture [1, 3, H, W], RGB in [0, 1], where the network is.

        Raises:
            SettingsError: It is too small.
        """
        height, width = image.shape[-2:]
        if min(height, width) < self.smallest:
            raise SettingsError(
                f"image of {height} rows and {width} columns is too small for {self.name}; it "
                f"needs {self.smallest} or more"
            )
        with torch.inference_mode():
            return float(self.network(image))


def open_clip_iqa(device: str | torch.device = "cpu") -> NoReference:
    """Return CLIP-IQA (Wang, Chan and Loy 2023): "Good photo." against "Bad photo.".

    CLIP's ResNet-50 without its positions, of the package piq, where torchmetrics takes it from,
    too; but piq brings the sentences as numbers and needs no tokenizer.

    Raises:
        WeightsError: The package or a file is not there, or a file is damaged.
    """
    package = _package("piq", "CLIP-IQA", "clipiqa")
    folder = Path(CLIP_FOLDER).expanduser()
    trunk, tokens = folder / "RN50.pt", folder / "clipiqa_tokens.pt"
    files = _files("CLIP-IQA", (trunk, tokens), CLIP_URL)
    _check_script(trunk, CLIP_URL)
    network = _built(lambda: package.CLIPIQA(data_range=1.0), (trunk, tokens), CLIP_URL)
    return NoReference("CLIP-IQA", network.to(device), files, smallest=32)


def open_arniqa(regressor: Regressor, device: str | torch.device = "cpu") -> NoReference:
    """Return ARNIQA (Agnolucci et al. 2024), of the package torchmetrics.

    Raises:
        WeightsError: The package or a file is not there, or a file is damaged.
    """
    package = _package("torchmetrics.image.arniqa", "ARNIQA", "arniqa")
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    trunk, last = folder / "ARNIQA.pth", folder / f"regressor_{regressor}.pth"
    files = _files("ARNIQA", (trunk, last), ARNIQA_URL)
    read_tensors(trunk)  # refuses pickled code, which the package would run
    _check_script(last, ARNIQA_URL)
    network = _built(lambda: package.ARNIQA(regressor_dataset=regressor), (trunk, last), ARNIQA_URL)
    return NoReference("ARNIQA", network.to(device), files, smallest=2)


def _package(module: str, measure: str, extra: str) -> ModuleType:
    """Import a package, which imports torchvision, which fails in ways of its own."""
    try:
        importlib.import_module("torchvision")
        return importlib.import_module(module)
    except (ImportError, RuntimeError, OSError) as error:
        what = module.split(".")[0]
        raise WeightsError(
            f"{measure} needs the packages {what} and torchvision, which cannot be imported "
            f"({str(error).splitlines()[0]}): pip install 'degrade[{extra}]', torchvision of the "
            "kind that torch is of"
        ) from error


def _files(measure: str, paths: tuple[Path, ...], url: str) -> tuple[WeightsFile, ...]:
    for path in paths:
        if not path.is_file():
            raise WeightsError(
                f"{measure} needs {path}, which is not there: put {url}/{path.name} there"
            )
    return tuple(weights_file(path) for path in paths)


def _check_script(path: Path, url: str) -> None:
    """Refuse what is no TorchScript archive, which torch would unpickle."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                return
    raise WeightsError(f"{path}: is no TorchScript file; get it from {url}")


def _built(build: Callable[[], nn.Module], paths: tuple[Path, ...], url: str) -> nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the packages' way of loading
            return build().eval()
    except Exception as error:  # damaged files are met by packages in any way
        names = " or ".join(str(path) for path in paths)
        raise WeightsError(
            f"{names}: cannot be loaded ({str(error).splitlines()[0]}); get them from {url}"
        ) from error
