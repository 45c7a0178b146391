"""The table of programs that a measured degradation is written for."""

from pipelines.export.trainers.neosr import NEOSR
from pipelines.export.trainers.real_esrgan import REAL_ESRGAN
from pipelines.export.trainers.trainer import Trainer
from pipelines.export.trainers.trainner_redux import TRAINNER_REDUX
from pipelines.export.trainers.wtp import WTP

TRAINERS: tuple[Trainer, ...] = (
    NEOSR,
    TRAINNER_REDUX,
    REAL_ESRGAN,
    WTP,
)
