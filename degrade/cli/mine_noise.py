"""`degrade mine-noise`: noise patches from the smooth places of the photos."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

from degrade.cli import options
from degrade.cli.from_settings import NOISE, SETTINGS, of

if TYPE_CHECKING:
    from pipelines.stages.mine_noise import NoiseReport


def mine_noise(
    source: options.Source = None,
    store: options.Store = options.DEFAULT_STORE,
    patch: Annotated[int, of(NOISE, "patch")] = SETTINGS,
    stride: Annotated[int | None, of(NOISE, "stride")] = None,
    max_variance: Annotated[float, of(NOISE, "max_variance")] = SETTINGS,
    min_variance: Annotated[float, of(NOISE, "min_variance")] = SETTINGS,
    min_mean: Annotated[float, of(NOISE, "min_mean")] = SETTINGS,
    max_structure: Annotated[float, of(NOISE, "max_structure")] = SETTINGS,
    max_clipped: Annotated[float, of(NOISE, "max_clipped")] = SETTINGS,
    group: Annotated[
        Literal["auto", "exif", "folder", "estimates", "none"], of(NOISE, "group")
    ] = SETTINGS,
    workers: options.Workers = 0,
    scheduler: options.Scheduler = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Cut noise patches from the smooth places of the photos.

    Example: degrade mine-noise --patch 128 --max-variance 20
    """
    from degrade.noise.mining import NoiseSettings
    from degrade.yaml_settings import validated
    from pipelines.stages.check import use_sources
    from pipelines.stages.mine_noise import mine_noise as mine

    fields = {
        "patch": patch,
        "stride": stride,
        "max_variance": max_variance,
        "min_variance": min_variance,
        "min_mean": min_mean,
        "max_structure": max_structure,
        "max_clipped": max_clipped,
        "group": group,
    }
    settings = validated(NoiseSettings, fields, "mine-noise")
    store = options.shared(store, scheduler)
    with options.client(workers, scheduler) as client, options.writing(store):
        use_sources(store, client, source, overwrite=overwrite)
        report = mine(store, client, settings, overwrite=overwrite)
    found = (
        f"noise: {report.patches} patches of {patch} pixels from {report.windows} windows; "
        f"standard deviation {report.deviation:.2f} at mean brightness {report.mean:.0f} (0..255)"
    )
    sensor = f"sensor: standard deviation {_levels(report.curve)}, textured areas included"
    lines = [found, sensor, *_groups(report), *options.refusals(report.refused)]
    options.answer(asdict(report), "\n".join(lines), json)


def _levels(curve: tuple[float, ...]) -> str:
    at = {0: "dark", 7: "middle", 15: "bright"}
    return ", ".join(f"{curve[i]:.2f} {name}" for i, name in at.items())


def _groups(report: "NoiseReport") -> list[str]:
    """Write a line for each group, where the photos are of several."""
    return [
        options.on_one_line(
            f"  by {report.grouped_by}, {one.name}: {one.patches} patches of {one.photos} photos"
            f"{'' if one.patches else ' (others are taken)'}, sensor {_levels(one.curve)}"
        )
        for one in report.groups
    ]
