"""The three styles of RRDBNet's parameter names in circulation, brought to and from BasicSR's.

- ``old``: the original ESRGAN, ``model.1.sub.0.RDB1.conv1.0``; the rest numbered in order.
- ``esrgan``: ESRGAN's later code and RealSR, ``RRDB_trunk.0.RDB1.conv1``, ``trunk_conv``.
- ``basicsr``: BasicSR and Real-ESRGAN, ``body.0.rdb1.conv1``, ``conv_body``.
"""

import re
from collections.abc import Mapping
from typing import Literal

from torch import Tensor

Style = Literal["basicsr", "esrgan", "old"]

TO_BASICSR = (
    (r"^RRDB_trunk\.(\d+)\.RDB(\d)\.", r"body.\1.rdb\2."),
    (r"^trunk_conv\.", "conv_body."),
    (r"^upconv(\d)\.", r"conv_up\1."),
    (r"^HRconv\.", "conv_hr."),
)
"""Patterns of the style ``esrgan`` and BasicSR's names for them."""

FROM_BASICSR = (
    (r"^body\.(\d+)\.rdb(\d)\.", r"RRDB_trunk.\1.RDB\2."),
    (r"^conv_body\.", "trunk_conv."),
    (r"^conv_up(\d)\.", r"upconv\1."),
    (r"^conv_hr\.", "HRconv."),
)
"""The same the other way."""


def style_of(tensors: Mapping[str, Tensor]) -> Style:
    """Return whose names RRDBNet's tensors have."""
    if any(key.startswith("model.1.sub.") for key in tensors):
        return "old"
    return "esrgan" if any(key.startswith("RRDB_trunk.") for key in tensors) else "basicsr"


def to_basicsr(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return RRDBNet's tensors under BasicSR's names; unknown names stay."""
    if style_of(tensors) == "old":
        return _from_old(tensors)
    return {_renamed(key, TO_BASICSR): value for key, value in tensors.items()}


def from_basicsr(tensors: Mapping[str, Tensor], style: Style) -> dict[str, Tensor]:
    """Return RRDBNet's tensors, which have BasicSR's names, under those of a style."""
    match style:
        case "basicsr":
            return dict(tensors)
        case "esrgan":
            return {_renamed(key, FROM_BASICSR): value for key, value in tensors.items()}
        case "old":
            return _to_old(tensors)


def _renamed(key: str, patterns: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in patterns:
        key = re.sub(pattern, replacement, key)
    return key


def _from_old(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename ``model.N`` by order: first, trunk, enlargements, HR, last."""
    heads = {
        int(m[1]) for key in tensors if (m := re.match(r"model\.(\d+)\.(?:weight|bias)$", key))
    }
    order = sorted(heads)
    names = {n: f"conv_up{i}" for i, n in enumerate(order[1:-2], 1)}
    names |= dict(zip(order[-2:], ("conv_hr", "conv_last"), strict=False))
    names[0] = "conv_first"
    return {_new_name(key, names): value for key, value in tensors.items()}


def _new_name(key: str, heads: Mapping[int, str]) -> str:
    if match := re.fullmatch(r"model\.1\.sub\.(\d+)\.RDB(\d)\.(conv\d)\.0\.(\w+)", key):
        return "body.{}.rdb{}.{}.{}".format(*match.groups())
    if match := re.fullmatch(r"model\.1\.sub\.\d+\.(\w+)", key):
        return f"conv_body.{match[1]}"
    if match := re.fullmatch(r"model\.(\d+)\.(\w+)", key):
        return f"{heads[int(match[1])]}.{match[2]}"
    return key


def _to_old(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Number the modules: first 0, trunk 1, each enlargement 3 (resize, convolution, ReLU)."""
    blocks = len({key.split(".")[1] for key in tensors if key.startswith("body.")})
    ups = len({key.split(".")[0] for key in tensors if key.startswith("conv_up")})
    names = {"conv_first": "model.0", "conv_body": f"model.1.sub.{blocks}"}
    names |= {f"conv_up{i}": f"model.{3 * i}" for i in range(1, ups + 1)}
    names |= {"conv_hr": f"model.{3 * ups + 2}", "conv_last": f"model.{3 * ups + 4}"}
    return {_old_name(key, names): value for key, value in tensors.items()}


def _old_name(key: str, heads: Mapping[str, str]) -> str:
    if match := re.fullmatch(r"body\.(\d+)\.rdb(\d)\.(conv\d)\.(\w+)", key):
        return "model.1.sub.{}.RDB{}.{}.0.{}".format(*match.groups())
    head, _, parameter = key.partition(".")
    return f"{heads[head]}.{parameter}"
