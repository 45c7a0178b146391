"""neosr: TOML, as its options/train_*_otf.toml."""

import json

from pipelines.export.measured import MeasuredDegradation
from pipelines.export.trainers.second_order import kernels, mean_added, processes, remarks
from pipelines.export.trainers.trainer import HR, Trainer, head

_USAGE = "Put its keys in place of those of one of neosr's options/train_*_otf.toml."


def _text(measured: MeasuredDegradation) -> str:
    more = [
        "its resizing is drawn of area, bilinear and bicubic; the mean of what they blur was "
        "taken off sigma",
        "no JPEG can be left out: the first, and the second where no photo was JPEG, has "
        "quality 100",
    ]
    options = {**processes(measured), **kernels(measured, mean_added(measured.scale))}
    lines = [
        'model_type = "otf"',
        f"scale = {measured.scale}",
        "",
        "[datasets.train]",
        'type = "otf"',
        f'dataroot_gt = "{HR}"',
        "",
        "[degradations]",
        # Numbers, lists and plain words are written alike in JSON and TOML.
        *(f"{key} = {json.dumps(value)}" for key, value in options.items()),
    ]
    return head(measured, _USAGE, [*remarks(measured), *more]) + "\n".join(lines) + "\n"


NEOSR = Trainer("neosr", "neosr.toml", _text)
