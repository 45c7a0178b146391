"""Real-ESRGAN on BasicSR: YAML, as its options/train_realesrnet_x4plus.yml."""

from pipelines.export.measured import MeasuredDegradation
from pipelines.export.trainers.second_order import kernels, mean_added, processes, remarks
from pipelines.export.trainers.trainer import HR, Trainer, as_yaml, head

_USAGE = "Put its keys in place of those of Real-ESRGAN's options/train_realesrnet_x4plus.yml."


def _text(measured: MeasuredDegradation) -> str:
    added = mean_added(measured.scale)
    more = [
        "its resizing is drawn of area, bilinear and bicubic; the mean of what they blur was "
        "taken off sigma",
        "the first JPEG, of HR, cannot be left out: it has quality 100",
    ]
    if measured.compression is None:
        more.append("nor can the second")
    config = {
        "scale": measured.scale,
        "gt_usm": False,
        **processes(measured),
        "datasets": {
            "train": {
                "type": "RealESRGANDataset",
                "dataroot_gt": HR,
                **kernels(measured, added),
            }
        },
    }
    return head(measured, _USAGE, [*remarks(measured), *more]) + as_yaml(config)


REAL_ESRGAN = Trainer("real-esrgan", "real_esrgan.yml", _text)
