"""What SR is measured by beside PSNR, SSIM and sharpness, and how each measure is read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from degrade.arrays import U8
from degrade.errors import SettingsError
from degrade.images.colour import unit_float
from sr_train.evaluation.niqe import NiqeModel, niqe, open_niqe
from sr_train.evaluation.no_reference import NoReference, Regressor, open_arniqa, open_clip_iqa
from sr_train.evaluation.slanted_edges import EDGES, mtf50_ratio
from sr_train.networks.dists import Dists, open_dists
from sr_train.networks.lpips import SMALLEST_SIDE, Backbone, Lpips, open_lpips
from sr_train.weights.weights_file import WeightsFile


@dataclass(frozen=True)
class MetricColumn:
    """How the values of a measure are written, and which of two is better."""

    title: str
    format: str
    badness: Callable[[float], float]
    """Turns a value into one of which less is better."""
    compared: str
    """Title of the difference in a table of differences."""


def _as_is(value: float) -> float:
    return value


def _off_hr(value: float) -> float:
    return abs(value - 1)


def _higher(title: str, form: str) -> MetricColumn:
    return MetricColumn(title, form, lambda value: -value, title)


def _lower(title: str, form: str) -> MetricColumn:
    return MetricColumn(title, form, _as_is, title)


def _like_hr(title: str, form: str) -> MetricColumn:
    return MetricColumn(title, form, _off_hr, f"|{title} - 1|")


COLUMNS: dict[str, MetricColumn] = {
    "psnr": _higher("PSNR", "7.2f"),
    "ssim": _higher("SSIM", "6.4f"),
    "sharpness": _like_hr("sharpness", "9.3f"),
    "mtf50": _like_hr("MTF50", "6.3f"),
    "lpips": _lower("LPIPS", "7.4f"),
    "dists": _lower("DISTS", "7.4f"),
    "niqe": _lower("NIQE", "6.3f"),
    "clip_iqa": _higher("CLIP-IQA", "8.4f"),
    "arniqa": _higher("ARNIQA", "6.4f"),
}
"""All that can be measured, in the order of a table."""


CLIP_IQA = (
    "CLIP's ResNet-50 without positions, 'Good photo.' against 'Bad photo.', RGB, no border cut "
    "(OpenAI's weights, kept by piq)"
)
ARNIQA = "ResNet-50 at scales 1 and 1/2, RGB, no border cut (its authors' weights, by torchmetrics)"


@dataclass(frozen=True)
class Metric:
    """A further measure of SR images, with all that its values depend on."""

    name: str
    """A key of `COLUMNS`."""
    score: Callable[[U8, U8], float | None]
    """Takes SR and HR [H, W, 3]; None where such a picture has no value."""
    about: str
    files: tuple[WeightsFile, ...] = ()

    def describe(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        files = [{"file": str(file.path), "sha256": file.sha256} for file in self.files]
        return {"about": self.about, "weights": files}


@dataclass(frozen=True)
class MetricOptions:
    """Which further measures are asked for, and where their weights are."""

    lpips: Backbone | None = None
    lpips_weights: Path | None = None
    dists: bool = False
    dists_weights: Path | None = None
    mtf50: bool = False
    niqe_params: Path | None = None
    clip_iqa: bool = False
    arniqa: Regressor | None = None

    def open(self, device: str | torch.device = "cpu") -> tuple[Metric, ...]:
        """Read what they need.

        Raises:
            WeightsError: A file is absent, unreadable or of another network, or a package is not
                installed.
        """
        found = [by_edges()] if self.mtf50 else []
        if self.lpips:
            found.append(by_lpips(open_lpips(self.lpips, self.lpips_weights, device)))
        if self.dists:
            found.append(by_dists(open_dists(self.dists_weights, device)))
        if self.niqe_params:
            found.append(by_niqe(open_niqe(self.niqe_params)))
        if self.clip_iqa:
            found.append(by_network("clip_iqa", open_clip_iqa(device), CLIP_IQA))
        if self.arniqa:
            about = f"{ARNIQA}, scores as people's of {self.arniqa}"
            found.append(by_network("arniqa", open_arniqa(self.arniqa, device), about))
        return tuple(found)


def by_lpips(network: Lpips) -> Metric:
    """Return LPIPS or ST-LPIPS of whole RGB images, computed where the network is."""
    kind = {"st-alex": "ST-LPIPS, AlexNet", "st-vgg": "ST-LPIPS, VGG16"}.get(network.backbone)
    about = f"{kind or network.backbone + ', version 0.1'}, RGB in [-1, 1], no border cut"
    return Metric("lpips", lambda sr, hr: lpips_distance(network, sr, hr), about, network.files)


def by_dists(network: Dists) -> Metric:
    """Return DISTS of whole RGB images, computed where the network is."""
    about = "VGG16, structure and texture, RGB in [0, 1], not resized, no border cut"

    def score(sr: U8, hr: U8) -> float:
        return _distance(network, sr, hr)

    return Metric("dists", score, about, network.files)


def by_niqe(model: NiqeModel) -> Metric:
    """Return NIQE of whole SR images."""
    about = "Y rounded, 96x96 blocks at scales 1 and 1/2, no border cut"
    file = WeightsFile(model.path, model.sha256)
    return Metric("niqe", lambda sr, hr: niqe(sr, model), about, (file,))


def by_network(name: str, judge: NoReference, about: str) -> Metric:
    """Return a learned measure of whole SR images, computed where its network is."""
    like = next(judge.network.parameters())
    return Metric(name, lambda sr, hr: judge.score(_batch(sr, like)), about, judge.files)


def by_edges() -> Metric:
    """Return the MTF50 of SR over that of HR, at slanted edges found in HR."""
    return Metric("mtf50", mtf50_ratio, EDGES)


def lpips_distance(network: Lpips, sr: U8, hr: U8) -> float:
    """Return LPIPS of two uint8 RGB images [H, W, 3] of one size.

    Raises:
        SettingsError: They are too small for the network.
    """
    if min(sr.shape[:2]) < SMALLEST_SIDE[network.backbone]:
        raise SettingsError(
            f"image of {sr.shape[0]} rows and {sr.shape[1]} columns is too small for LPIPS; it "
            f"needs {SMALLEST_SIDE[network.backbone]} or more"
        )
    return _distance(network, sr, hr)


@torch.inference_mode()
def _distance(network: Lpips | Dists, sr: U8, hr: U8) -> float:
    return float(network(*(_batch(image, next(network.buffers())) for image in (sr, hr))))


def _batch(image: U8, like: Tensor) -> Tensor:
    """Return [1, 3, H, W] in [0, 1], where ``like`` is."""
    return torch.from_numpy(unit_float(image).transpose(2, 0, 1).copy())[None].to(like.device)
