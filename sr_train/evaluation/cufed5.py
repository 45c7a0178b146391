"""Scores on CUFED5: a folder of NNN_0.png (HR) and NNN_1.png to NNN_5.png (references)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image as Pillow

from degrade.arrays import U8
from degrade.errors import DegradeError
from degrade.images.colour import to_uint8
from degrade.images.paired import Group, cufed5_groups
from degrade.images.resize import bicubic
from degrade.images.windows import crop_to_multiple
from sr_train.evaluation.scoring import POLICY, Evaluation, Scorer
from sr_train.inference.upscaling import upscale_image
from sr_train.networks.generator import ReferenceGenerator
from sr_train.reference.reference_files import WithReferences, read_reference, stacked

Count = Literal[1, 5]
SIDE = 500
"""Square in which each of the five references lies; CUFED5's pictures have no longer side."""
PROTOCOLS: dict[Count, str] = {
    1: "one reference (NNN_1), cut to multiples of 4: the evaluation of TTSR's released code",
    5: f"all five references, each in the top left corner of a black {SIDE}x{SIDE} square, one "
    "below the other: TTSR's published table",
}
LR = "Pillow's bicubic of HR (cut to multiples of 4) by 1/4, in 8 bits"


def evaluate_cufed5(
    network: ReferenceGenerator,
    folder: Path,
    count: Count,
    judge: Scorer,
    device: str | torch.device = "cpu",
    done: Callable[[str], None] = lambda name: None,
) -> Evaluation:
    """Upscale every HR's LR with its references and score it, and bicubic upsampling beside it.

    Args:
        network: On ``device``, in evaluation mode.
        folder: CUFED5.
        count: References of each picture, see `PROTOCOLS`.
        judge: What to measure, and how.
        device: Where the network is.
        done: Called with each group's name after it was scored.

    Raises:
        NothingToDo, DegradeError, ImageRefused: As `cufed5_groups`, or a file cannot be read.
    """
    rows, baseline = {}, {}
    for group in cufed5_groups(folder):
        hr = crop_to_multiple(read_reference(group.hr, POLICY)[1], network.scale)
        references = [read_reference(path, POLICY)[1] for path in group.references[:count]]
        _check_sides(references, group) if count > 1 else None
        lr = reduced(hr, network.scale)
        input_ = stacked(references, SIDE if count > 1 else None)
        sr = upscale_image(WithReferences(network, input_), lr, device=device)
        rows[group.name] = judge.score(sr, hr)
        baseline[group.name] = judge.score(to_uint8(bicubic(lr, network.scale)), hr)
        done(group.name)
    about: dict[str, Any] = judge.describe() | {"references": PROTOCOLS[count], "lr": LR}
    return Evaluation(rows, about, baseline)


def reduced(hr: U8, scale: int) -> U8:
    """Return LR as the published code makes it: Pillow's bicubic, rounded to 8 bits each pass."""
    size = hr.shape[1] // scale, hr.shape[0] // scale
    small = Pillow.fromarray(np.ascontiguousarray(hr)).resize(size, Pillow.Resampling.BICUBIC)
    return np.asarray(small)


def _check_sides(references: list[U8], group: Group) -> None:
    for picture, path in zip(references, group.references, strict=True):
        if max(picture.shape[:2]) > SIDE:
            raise DegradeError(
                f"{path}: is {picture.shape[0]} rows by {picture.shape[1]} columns, CUFED5's are "
                f"{SIDE} at most; give CUFED5 itself, or --references 1"
            )
