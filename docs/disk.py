"""What the NTIRE 2020 recipes leave on the disk, by the arithmetic of `degrade check`."""

from dataclasses import dataclass

from degrade.cli.options import megabytes
from degrade.images.scan import SourceRecord
from degrade.kernels.spectral import MIN_SIDE
from pipelines.forecast import Forecast, forecast
from pipelines.recipe import load_recipe


@dataclass(frozen=True)
class Photos:
    """Photos of one size."""

    count: int
    height: int
    width: int

    def records(self) -> list[SourceRecord]:
        """Return them as files that decoded."""
        size = {
            "height": self.height,
            "width": self.width,
            "status": "ok",
            "reason": "",
            "notes": (),
        }
        return [SourceRecord(path=str(n), sha256="", **size) for n in range(self.count)]


NOTHING = Photos(0, 0, 0)
TRACKS = {
    "ntire2020_track1": (Photos(2650, 1404, 2040), Photos(800, 1404, 2040)),
    "ntire2020_track2": (Photos(5614, 1536, 2048), NOTHING),
}
"""Photos of each track, real and clean, all taken to be of one size."""


def needs(track: str) -> Forecast:
    """Return what a track's recipe needs of its photos."""
    sources, targets = TRACKS[track]
    stages = load_recipe(track).stages
    assert stages.noise
    found = (sources.records(), targets.records(), ".", MIN_SIDE, stages.noise, stages.pairs)
    return forecast(*found)


def disk_table() -> str:
    """Return a table of the tracks' counts and disk."""
    lines = [
        "| recipe | photos taken to be | pairs | their disk | noise windows seen | at most |",
        "|---|---|---|---|---|---|",
    ]
    for track, groups in TRACKS.items():
        counts = " and ".join(f"{g.count} of {g.width}x{g.height}" for g in groups if g.count)
        its = needs(track)
        lines.append(
            f"| `{track}` | {counts} | {its.pairs} | {megabytes(its.pair_bytes)} "
            f"| {its.noise_windows} | {megabytes(its.noise_bytes)} |"
        )
    return "\n".join(lines)
