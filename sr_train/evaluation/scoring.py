"""Score SR images against HR, and say by which protocol."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from degrade.arrays import U8, Image
from degrade.errors import NothingToDo, SettingsError
from degrade.images.colour import to_uint8
from degrade.images.decode import DecodePolicy, read_with_notes
from degrade.images.files import find_files, no_images
from degrade.images.paired import not_paired, pair_names
from degrade.images.resize import bicubic
from degrade.scales import NETWORK_SCALES
from sr_train.evaluation.best_worst_crops import UpscaledVersions
from sr_train.evaluation.metric_table import COLUMNS, Metric
from sr_train.evaluation.metrics import REALSR, ScoringProtocol, psnr, score_planes, sharpness, ssim
from sr_train.inference.upscaling import DEFAULT_TILING, Tiling, Upscaler, upscale_image
from sr_train.networks.generator import Generator, ReferenceGenerator

POLICY = DecodePolicy(sixteen_bit="reduce")
"""Scores are of 8-bit images."""


@dataclass(frozen=True)
class Scores:
    """PSNR in dB (inf where identical), SSIM, sharpness over HR's, and what else was asked for."""

    psnr: float
    ssim: float
    sharpness: float
    more: Mapping[str, float] = field(default_factory=dict)
    """Of further measures, by their names in `metric_table.COLUMNS`."""

    def by_name(self) -> dict[str, float]:
        """Return all scores by name, in the order of `metric_table.COLUMNS`."""
        found = {"psnr": self.psnr, "ssim": self.ssim, "sharpness": self.sharpness, **self.more}
        return {name: found[name] for name in COLUMNS if name in found}


@dataclass(frozen=True)
class Evaluation:
    """Scores of a set of images, with all that is needed to compare them with others'."""

    images: dict[str, Scores]
    """Each image's scores by its name: path in the HR folder without suffix."""
    protocol: dict[str, Any]
    """Channel, border, range, rounding ..., and the weights of learned measures."""
    bicubic: dict[str, Scores] | None = None
    """The same of bicubic upsampling of LR, where LR is known."""
    notes: dict[str, str] = field(default_factory=dict)
    """What was done to files when they were read, such as a conversion of colours, by path."""

    @property
    def mean(self) -> Scores:
        """The mean of each score over the images."""
        return mean_scores(self.images.values())

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; null stands for an infinite PSNR."""
        sets = {"": self.images} | ({"bicubic_": self.bicubic} if self.bicubic else {})
        result: dict[str, Any] = {"protocol": self.protocol}
        for prefix, scores in sets.items():
            result[f"{prefix}mean"] = plain(mean_scores(scores.values()))
            result[f"{prefix}images"] = {name: plain(row) for name, row in scores.items()}
        return {**result, "notes": self.notes}


@dataclass(frozen=True)
class Scorer:
    """What is measured, and how: scores one image after another."""

    protocol: ScoringProtocol
    border: int
    """HR pixels cut on each side for PSNR, SSIM and sharpness."""
    measures: tuple[Metric, ...] = ()
    """What else is measured, on whole images."""

    def score(self, sr: U8, hr: U8) -> Scores:
        """Score one SR image [H, W, 3] against its HR of the same size.

        Raises:
            SettingsError: The image is too small for the border or for a measure.
        """
        planes = [score_planes(image, self.border, self.protocol.channel) for image in (sr, hr)]
        found = {measure.name: measure.score(sr, hr) for measure in self.measures}
        more = {name: value for name, value in found.items() if value is not None}
        return Scores(psnr(*planes), ssim(*planes), sharpness(*planes), more)

    def describe(self) -> dict[str, Any]:
        """Return the protocol, with the files that further measures depend on."""
        about: dict[str, Any] = dict(self.protocol.describe(self.border))
        return about | {measure.name: measure.describe() for measure in self.measures}


def mean_scores(scores: Iterable[Scores]) -> Scores:
    """Return the mean of each score over the images that have it."""
    columns: dict[str, list[float]] = {}
    for row in scores:
        for name, value in row.by_name().items():
            columns.setdefault(name, []).append(value)
    means = {name: float(np.mean(column)) for name, column in columns.items()}
    return Scores(means.pop("psnr"), means.pop("ssim"), means.pop("sharpness"), means)


def evaluate_folders(
    sr_dir: Path, hr_dir: Path, judge: Scorer, done: Callable[[str], None] = lambda name: None
) -> Evaluation:
    """Score every image of a folder against its HR.

    Args:
        sr_dir: SR images.
        hr_dir: HR images of the same names (see `pair_files`); rows and columns at the bottom and
            right that make no whole LR pixel of a usual scale may be missing from SR, and are cut.
        judge: What to measure, and how.
        done: Called with each name after it was scored.

    Raises:
        NothingToDo: A folder is absent or holds no images.
        SettingsError: Images without partner or of unequal sizes.
        ImageRefused: A file cannot be read.
    """
    rows: dict[str, Scores] = {}
    notes: dict[str, str] = {}
    for name, (sr_path, hr_path) in pair_files(sr_dir, hr_dir).items():
        sr, hr = _read(sr_path, notes), _read(hr_path, notes)
        hr = _cut_to(sr, hr, sr_path, hr_path)
        rows[name] = judge.score(sr, hr)
        done(name)
    return Evaluation(rows, judge.describe(), notes=notes)


def evaluate_network(
    network: Upscaler | Generator,
    lr_dir: Path,
    hr_dir: Path,
    judge: Scorer | None = None,
    tiling: Tiling = DEFAULT_TILING,
    device: str | torch.device = "cpu",
    done: Callable[[str], None] = lambda name: None,
) -> Evaluation:
    """Upscale every LR image and score it, and bicubic upsampling beside it, against its HR.

    Arguments and errors are those of `evaluate_networks`, for one network.
    """
    pictures = Pictures(lr_dir, hr_dir, tiling, device)
    return evaluate_networks({"": network}, pictures, judge, done)[""]


@dataclass(frozen=True)
class Pictures:
    """What networks are scored on, and how they compute."""

    lr_dir: Path
    """LR images."""
    hr_dir: Path
    """HR images of the same names (see `pair_files`); up to scale - 1 rows and columns more than
    scale*LR, which are cut at the bottom and right."""
    tiling: Tiling = DEFAULT_TILING
    device: str | torch.device = "cpu"
    """Where the networks are."""


def evaluate_networks(
    networks: Mapping[str, Upscaler | Generator],
    pictures: Pictures,
    judge: Scorer | None = None,
    done: Callable[[str], None] = lambda name: None,
    watch: Callable[[UpscaledVersions], None] = lambda shown: None,
) -> dict[str, Evaluation]:
    """Upscale every LR image by each network and score all SR, and bicubic's, against its HR.

    Args:
        networks: By name, as for `upscaling.upscale_float`; of one scale.
        pictures: On what, and how.
        judge: What to measure, and how; none: RealSR's protocol.
        done: Called with each name after it was scored.
        watch: Called with the pictures themselves.

    Raises:
        NothingToDo, SettingsError, ImageRefused: As for `evaluate_folders`.
        SettingsError: A network takes references, or they have several scales.
    """
    scale = _the_scale(networks)
    judge = judge or Scorer(REALSR, REALSR.border(scale))
    rows: dict[str, dict[str, Scores]] = {label: {} for label in networks}
    baseline: dict[str, Scores] = {}
    notes: dict[str, str] = {}
    found = pair_files(pictures.lr_dir, pictures.hr_dir, scale)
    for name, (lr_path, hr_path) in found.items():
        lr, hr = _read(lr_path, notes), _read(hr_path, notes)
        hr = _matching(hr, lr, scale, lr_path, hr_path)
        sr = {
            label: upscale_image(network, lr, pictures.tiling, pictures.device)
            for label, network in networks.items()
        }
        for label, image in sr.items():
            rows[label][name] = judge.score(image, hr)
        plain_sr = to_uint8(bicubic(lr, scale))
        baseline[name] = judge.score(plain_sr, hr)
        watch(UpscaledVersions(name, plain_sr, sr, hr))
        done(name)
    about = judge.describe()
    return {label: Evaluation(images, about, baseline, notes) for label, images in rows.items()}


def _the_scale(networks: Mapping[str, Upscaler | Generator]) -> int:
    for network in networks.values():
        if isinstance(network, ReferenceGenerator):
            raise SettingsError(
                f"{type(network).__name__} takes references: score it on CUFED5 (--cufed5 DIR), or "
                "upscale with --references and score the images with --sr"
            )
    scales = {label: network.scale for label, network in networks.items()}
    if len(set(scales.values())) > 1:
        each = ", ".join(f"{label} is x{scale}" for label, scale in scales.items())
        raise SettingsError(f"{each}: compare networks of one scale")
    return next(iter(scales.values()))


def pair_files(first: Path, second: Path, scale: int | None = None) -> dict[str, tuple[Path, Path]]:
    """Pair the images of two folders as importing and training do (see `pair_names`), sorted.

    Args:
        first: SR or LR images.
        second: HR images.
        scale: Whose ``x4`` may end the names of the first; None: that of any usual scale.

    Raises:
        NothingToDo: A folder is absent or holds no images.
        SettingsError: Names without partner, or two files of one name in a folder.
    """
    for folder in (first, second):
        if not (listing := find_files(folder)).images:
            raise NothingToDo(no_images(folder, listing))
    pairing = pair_names(first, second, scale)
    if pairing.faults:
        raise not_paired(first, second, pairing.faults)
    return {name: (first / a, second / b) for name, (a, b) in pairing.pairs.items()}


def _read(path: Path, notes: dict[str, str]) -> U8:
    decoded = read_with_notes(path, POLICY)
    if decoded.notes:
        notes[str(path)] = "; ".join(decoded.notes)
    return to_uint8(decoded.pixels)


def _matching(hr: U8, lr: Image, scale: int, lr_path: Path, hr_path: Path) -> U8:
    """Cut from HR what LR does not cover, if that is less than one LR pixel."""
    height, width = lr.shape[0] * scale, lr.shape[1] * scale
    spare = (hr.shape[0] - height, hr.shape[1] - width)
    if not all(0 <= pixels < scale for pixels in spare):
        raise SettingsError(
            f"{hr_path}: {hr.shape[0]} rows and {hr.shape[1]} columns, but {scale} times {lr_path} "
            f"is {height} and {width}; give the HR it was made from, or weights of another scale"
        )
    return hr[:height, :width]


def _cut_to(sr: U8, hr: U8, sr_path: Path, hr_path: Path) -> U8:
    """Cut from HR what SR lacks of it, if that is less than one LR pixel of a usual scale."""
    height, width = sr.shape[:2]
    for scale in NETWORK_SCALES:
        if (hr.shape[0] // scale * scale, hr.shape[1] // scale * scale) == (height, width):
            return hr[:height, :width]
    raise SettingsError(
        f"{sr_path}: {height} rows and {width} columns, but {hr_path} has "
        f"{hr.shape[0]} and {hr.shape[1]}; crop or remake one of them"
    )


def plain(scores: Scores) -> dict[str, float | None]:
    """Return scores for JSON, with None where one is not finite."""
    made = scores.by_name()
    return {name: value if math.isfinite(value) else None for name, value in made.items()}
