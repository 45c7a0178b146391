"""Summary of a store's lens, for people and for JSON."""

from dataclasses import dataclass, field
from typing import Any

from degrade.kernels.lens_fit import LEAST_L1, LEAST_SHIFT, LEVEL
from degrade.store.reader import Store
from degrade.store.schema import lens_group


@dataclass(frozen=True)
class LensReport:
    """What was found of a lens, and what speaks for it."""

    photos: int
    """That told."""
    by_place: bool
    """Whether kernels differ by place."""
    by_colour: bool
    radii: tuple[float, ...]
    """Relative: 0 is the middle of the photo, 1 its corner."""
    sigma: tuple[tuple[float, ...], ...]
    """Width of the kernels of R, G and B at each radius, photo pixels."""
    shift: tuple[float, float]
    """How far red and blue lie outwards of green at the corner, photo pixels; 0 if not believed."""
    tests: dict[str, dict[str, Any]]
    """Figures of the differences by place and colour, and of the shifts of red and blue."""
    verdict: str
    """What they come to, in words."""
    refused: tuple[tuple[str, str], ...]
    """Photos that were left out, and why."""
    group: str = ""
    """The camera whose photos were looked at, where they are of several."""
    groups: dict[str, int] = field(default_factory=dict)
    """The photos of each."""
    grouped_by: str = ""
    """How photos were grouped by camera: exif, folder or estimates."""


def lens_report(store: Store, scale: int) -> LensReport:
    """Sum up the lens that a store holds for one scale."""
    lens, said = store.lens(scale), store.recorded(lens_group(scale))
    tests: dict[str, dict[str, Any]] = said["tests"]
    return LensReport(
        photos=said["photos"],
        by_place=tests["place"]["supported"],
        by_colour=tests["colour"]["supported"],
        radii=tuple(lens.radii.round(3).tolist()),
        sigma=tuple(tuple(row) for row in lens.sigma.round(3).tolist()),
        shift=(round(float(lens.shift[0]), 3), round(float(lens.shift[1]), 3)),
        tests=tests,
        verdict=_verdict(tests),
        refused=tuple((str(path), str(why)) for path, why in said["refused"]),
        group=said.get("group", ""),
        groups=said.get("groups", {}),
        grouped_by=said.get("grouped_by", ""),
    )


def _verdict(tests: dict[str, dict[str, Any]]) -> str:
    by = [name for name in ("place", "colour") if tests[name]["supported"]]
    moved = [name for name in ("red", "blue") if tests[name]["supported"]]
    kernels = f"kernels differ by {' and by '.join(by)}" if by else "one kernel"
    shifts = f"{' and '.join(moved)} shifted" if moved else "no colour shifted"
    return (
        f"{kernels}, {shifts} (believed with p below {LEVEL} and an L1 distance of {LEAST_L1} or "
        f"a shift of {LEAST_SHIFT} pixels)"
    )
