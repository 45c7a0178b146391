"""wtp_dataset_destroyer: HCL, as its configs/full.hcl."""

import json
from typing import Any

import numpy as np

from pipelines.export.measured import MeasuredDegradation, Range
from pipelines.export.trainers.trainer import HR, Trainer, common_remarks, head, rounded

_USAGE = "Run it with wtp_dataset_destroyer's `python destroyer.py -f`."
_UNIT = 0.25 * 255
"""Standard deviation in levels of its Gaussian noise at alpha 1."""
_STEPS = 20
"""Steps in the range of alpha, which is a list with a step."""


def _text(measured: MeasuredDegradation) -> str:
    box = (measured.scale**2 - 1) / 12
    blocks = [_blur(measured, box), _resize(measured)]
    said = ["the kernels are round Gaussians: sigma is drawn from the shorter to the longer axis'"]
    said.append(f"its box resizing blurs by a variance of {box:g}, which was taken off sigma")
    if measured.across[0] ** 2 < box:
        said.append("and is wider than some of the measured kernels")
    if not measured.gaussian:
        said.append("the kernels' exponent: they have the measured width alone")
    if measured.noise is not None:
        blocks.append(_noise(measured.noise.deviations, measured.noise.shared))
        said.append("noise is drawn for the whole picture, where the camera's follows brightness")
    if measured.compression is not None:
        low, high = rounded(measured.compression.qualities, 0)
        kinds = json.dumps(list(measured.compression.subsampling))
        jpeg = {"algorithm": '["jpeg"]', "jpeg_sampling": kinds, "compress": _list([low, high])}
        blocks.append(_block("compress", jpeg))
    places = f'input = "{HR}"\noutput = "path/to/pairs"\n\n'
    rest = 'real_name = true\nmap_type = "thread"\n'
    comment = head(measured, _USAGE, [*said, *common_remarks(measured)])
    return comment + places + "\n".join(blocks) + "\n" + rest


def _blur(measured: MeasuredDegradation, box: float) -> str:
    sigmas = (measured.across[0], measured.along[1])
    left = [float(np.sqrt(max(sigma**2 - box, 0.0))) for sigma in sigmas]
    return _block("blur", {"filter": '["gauss"]', "kernel": _list(rounded((left[0], left[1])))})


def _resize(measured: MeasuredDegradation) -> str:
    options = {
        "alg_lq": '["box"]',
        "alg_hq": '["box"]',
        "scale": str(measured.scale),
        "color_fix": "false",
        "gamma_correction": "false",
    }
    return _block("resize", options)


def _noise(deviations: Range, shared: float) -> str:
    low, high = (deviation / _UNIT for deviation in deviations)
    step = max((high - low) / _STEPS, 1e-4)
    options = {
        "type_noise": '["gauss"]',
        "alpha": _list([round(low, 4), round(high + step, 4), round(step, 4)]),
        "y_noise": f"{shared:.3f}",
        "uv_noise": "0",
        "bias": "[0, 0]",
    }
    return _block("noise", options)


def _list(values: list[Any]) -> str:
    return json.dumps([int(value) if float(value).is_integer() else value for value in values])


def _block(kind: str, options: dict[str, str]) -> str:
    lines = [f'  type = "{kind}"', *(f"  {key} = {value}" for key, value in options.items())]
    return "\n".join(["degradation {", *lines, "  probability = 1.0", "}", ""])


WTP = Trainer("wtp", "wtp_dataset_destroyer.hcl", _text)
