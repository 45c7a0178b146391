"""What a trainer's configuration is: a name, a file and the text made of a measured degradation."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from pipelines.export.measured import MeasuredDegradation, MeasuredNoise, Range

HR = "path/to/hr"
"""Stands where the trainer wants its folder of HR pictures."""


@dataclass(frozen=True)
class Trainer:
    """One program that trains, or makes pairs, by a configuration of degradations.

    Attributes:
        name: What ``--for`` calls it.
        file: Name of the file that is written.
        text: The file's text, comments and all.
    """

    name: str
    file: str
    text: Callable[[MeasuredDegradation], str]


def head(measured: MeasuredDegradation, usage: str, remarks: Sequence[str]) -> str:
    """Return the comment at a file's top: what was measured, how to use it, what is left out."""
    lines = [
        f"Degradation x{measured.scale}, measured on {measured.kernels} photos by degrade.",
        f"Kernels: sigma {_range(measured.along)} by {_range(measured.across)} HR pixels,",
        f"  exponent {_range(measured.shapes)} (1 = Gaussian).",
        *_noise(measured.noise),
        *_compression(measured),
        usage,
        "What this file cannot say:",
        *(f"- {remark}" for remark in remarks),
    ]
    return "".join(f"# {line}\n" for line in lines)


def common_remarks(measured: MeasuredDegradation) -> list[str]:
    """Return what none of the formats can say."""
    remarks = []
    noise = measured.noise
    if not measured.round and measured.angles > 0.8:
        remarks.append(
            f"{measured.angles:.0%} of the kernels have one direction; here each is drawn at random"
        )
    if noise is not None and abs(noise.neighbours) > 0.1:
        remarks.append(
            f"neighbouring pixels' noise correlates by {noise.neighbours:.2f}; here it is white"
        )
    if noise is None:
        remarks.append("no noise was mined, so none is added: run `degrade mine-noise`")
    if measured.compression is None:
        remarks.append("no JPEG file was among the photos, or none can be read any more")
    elif measured.compression.share < 1:
        remarks.append(
            f"{1 - measured.compression.share:.0%} of the photos are no JPEG; here all are"
        )
    return remarks


def rounded(values: Range, digits: int = 3) -> list[float]:
    """Return a range as a list, rounded for reading."""
    return [round(value, digits) for value in values]


def as_yaml(config: dict[str, Any]) -> str:
    """Return a configuration as YAML, lists in one line and none an alias of another."""
    plain = json.loads(json.dumps(config))
    text: str = yaml.safe_dump(plain, sort_keys=False, default_flow_style=None)
    return text


def _range(values: Range) -> str:
    return f"{values[0]:.2f}..{values[1]:.2f}"


def _noise(noise: MeasuredNoise | None) -> list[str]:
    if noise is None:
        return []
    return [
        f"Noise: variance {noise.by_level:.4f} * level + {noise.constant:.2f} (levels of 0..255),",
        f"  channels correlate by {noise.shared:.2f}, neighbours by {noise.neighbours:.2f}.",
    ]


def _compression(measured: MeasuredDegradation) -> list[str]:
    lossy = measured.compression
    if lossy is None:
        return []
    low, high = lossy.qualities
    return [f"JPEG: quality {low:.0f}..{high:.0f}, {', '.join(lossy.subsampling)}."]
