"""The report's camera: what the photos show of it, and photos beside ones that it would take."""

from dataclasses import dataclass

from degrade.camera.parameters import PARAMETERS, to_shares, written
from degrade.errors import DegradeError
from degrade.store.reader import Store
from pipelines.camera_report import CameraReport, camera_report
from pipelines.report.pictures import picture
from pipelines.stages.exchange_camera import WIDTH, camera_rows

IDENTIFIED = 0.5
"""A parameter counts as identified by the photos where nine tenths of the likely cameras lie within
this share of its range; by chance it would be 0.9."""


@dataclass(frozen=True)
class ParameterRow:
    """A parameter: 5th, 50th and 95th percentile of the likely cameras, and its meaning."""

    name: str
    low: str
    middle: str
    high: str
    meaning: str
    identified: bool
    """Whether the photos identify it; otherwise it is drawn from most of its range."""


@dataclass(frozen=True)
class CameraBody:
    """What the section shows."""

    summary: str
    scenes: str
    compression: str
    explained: bool
    others: str
    """The cameras whose photos were not used; empty where all are of one."""
    parameters: tuple[ParameterRow, ...]
    pictures: tuple[str, ...]
    """Patches of the photos, and photos by likely cameras."""
    refused: tuple[tuple[str, str], ...]


def camera_body(store: Store) -> CameraBody:
    """Gather the likely cameras.

    Raises:
        StoreError: There are none, or they are unfinished.
    """
    report = camera_report(store)
    shares = to_shares(store.camera().cameras)
    rows = []
    for index, (name, cuts) in enumerate(report.parameters.items()):
        column = sorted(PARAMETERS[name].acting(shares[:, index]))
        width = column[int(0.95 * (len(column) - 1))] - column[int(0.05 * (len(column) - 1))]
        low, middle, high = (written(name, value) for value in cuts)
        identified = bool(width <= IDENTIFIED)
        rows.append(ParameterRow(name, low, middle, high, PARAMETERS[name].meaning, identified))
    known = sum(row.identified for row in rows)
    return CameraBody(
        summary=f"{report.cameras} cameras that may have taken the {report.photos} photos, misfit "
        f"{report.misfit:.2f}; the photos identify {known} of {len(rows)} parameters",
        scenes="clean photos" if report.scenes == "target" else "the photos themselves, reduced",
        compression=report.compression,
        explained=report.explained,
        others=_others(report),
        parameters=tuple(rows),
        pictures=_pictures(store),
        refused=report.refused,
    )


def _pictures(store: Store) -> tuple[str, ...]:
    """Return the two rows of patches; none where the photos are no longer there."""
    try:
        return tuple(map(picture, camera_rows(store, WIDTH)))
    except (DegradeError, OSError):
        return ()


def _others(report: CameraReport) -> str:
    """Say which cameras' photos were not looked at."""
    said = ", ".join(f"{name} ({n} photos)" for name, n in report.groups.items())
    return f"Of the cameras {said}, grouped by {report.grouped_by}: {report.group}." if said else ""
