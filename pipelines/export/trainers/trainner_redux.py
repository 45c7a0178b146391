"""traiNNer-redux: YAML, as its options/_templates/train/*_OTF_*.yml."""

from typing import Any

from pipelines.export.measured import MeasuredDegradation
from pipelines.export.trainers.second_order import kernels, processes, remarks
from pipelines.export.trainers.trainer import HR, Trainer, as_yaml, head

_USAGE = "Put its keys in place of those of one of traiNNer-redux's *_OTF_* templates."
_WIDEST = 21
"""Side of the canvas that its kernels are padded to."""


def _text(measured: MeasuredDegradation) -> str:
    options = processes(measured)
    del options["second_blur_prob"]
    # Antialiased, and like all cubic convolution with a = -0.5 of variance 0: sigma stays as it is.
    cubic: dict[str, Any] = {}
    for stage in ("", "2", "3"):
        cubic |= {f"resize_mode_list{stage}": ["bicubic"], f"resize_mode_prob{stage}": [1.0]}
    config = {
        "name": f"x{measured.scale}_measured",
        "scale": measured.scale,
        "num_gpu": "auto",
        "path": {},
        "high_order_degradation": True,
        "blur_prob": 1.0,
        "blur_prob2": 0.0,
        **options,
        **cubic,
        "jpeg_prob": 0.0,
        "jpeg_prob2": float(measured.compression is not None),
        "datasets": {
            "train": {
                "name": "HR",
                "type": "realesrgandataset",
                "dataroot_gt": HR,
                **kernels(measured, 0.0),
                "kernel_range": [_side(measured)] * 2,
                "kernel_range2": [_side(measured)] * 2,
            }
        },
    }
    cut = "kernels are cut off at a random side"
    said = [remark for remark in remarks(measured) if not remark.startswith(cut)]
    if 3 * measured.along[1] > _WIDEST / 2:
        said.append(f"kernels are cut off at a side of {_WIDEST} HR pixels")
    said.append("its bicubic resizing removes the aliasing that a camera's sampling leaves")
    return head(measured, _USAGE, said) + as_yaml(config)


def _side(measured: MeasuredDegradation) -> int:
    """Return the odd side that holds three standard deviations, as far as there is room."""
    return min(_WIDEST, 2 * round(3 * measured.along[1]) + 1)


TRAINNER_REDUX = Trainer("trainner-redux", "trainner_redux.yml", _text)
