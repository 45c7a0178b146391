"""A store's measured degradation as configuration of other trainers, which are listed here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from degrade.atomic_file import replacing
from degrade.errors import SettingsError
from degrade.store.reader import open_store
from pipelines.export.measured import MeasuredDegradation, measure
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


@dataclass(frozen=True)
class DegradationReport:
    """What was written, and what of."""

    files: tuple[str, ...]
    measured: MeasuredDegradation


def export_degradation(
    location: str, out: Path, scale: int, trainers: Sequence[str] = ()
) -> DegradationReport:
    """Write the degradation that a store has measured into a folder, a file for each trainer.

    Args:
        location: The store.
        out: The folder; made if it is not there. Files of the same names are replaced.
        scale: HR pixels per LR pixel.
        trainers: Names of `TRAINERS`; none: all of them.

    Raises:
        SettingsError: There is no such trainer.
        NothingToDo: No kernel was accepted.
        StoreError: The store has no kernels of this scale.
    """
    known = [trainer.name for trainer in TRAINERS]
    unknown = sorted(set(trainers) - set(known))
    if unknown:
        raise SettingsError(f"--for {unknown[0]}: give {', '.join(known[:-1])} or {known[-1]}")
    measured = measure(open_store(location), scale)
    chosen = [trainer for trainer in TRAINERS if not trainers or trainer.name in trainers]
    out.mkdir(parents=True, exist_ok=True)
    for trainer in chosen:
        with replacing(out / trainer.file) as aside:
            aside.write_text(trainer.text(measured), encoding="utf-8")
    return DegradationReport(tuple(str(out / trainer.file) for trainer in chosen), measured)
