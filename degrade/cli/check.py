"""`degrade check`: decode everything first, and name every file that will not do."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from degrade.cli import options
from degrade.cli.from_settings import CHECK, NOISE, PAIRS, SETTINGS, of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from degrade.images.source_record import SourceRecord
    from degrade.pairs import PairSettings
    from pipelines.recipes.forecast import Forecast
    from pipelines.stages.check import CheckReport

MOST = 20
"""Most photos that are named as standing out; how many there are is always said."""


def check(
    source: options.Source = None,
    target: Annotated[Path | None, typer.Option("--target", help="Folder of clean photos.")] = None,
    store: options.Store = options.DEFAULT_STORE,
    gray: Annotated[
        Literal["expand", "refuse"] | None,
        typer.Option(help="Gray images: expanded, or refused."),
    ] = None,
    alpha: Annotated[
        Literal["refuse", "white", "black"] | None,
        typer.Option(help="Transparent images: refused, or composed on a colour."),
    ] = None,
    sixteen_bit: Annotated[
        Literal["keep", "reduce", "refuse"] | None,
        typer.Option(help="16-bit images: kept to the last step, reduced to 8 bits, or refused."),
    ] = None,
    cmyk: Annotated[
        Literal["refuse", "convert"] | None,
        typer.Option(help="CMYK images: refuse or convert."),
    ] = None,
    near_duplicates: Annotated[
        Literal["keep", "one", "refuse"] | None,
        of(CHECK, "near_duplicates", left_out="what the store knows, or {}"),
    ] = None,
    keep: Annotated[str | None, of(CHECK, "keep", left_out="what the store knows, or '{}'")] = None,
    keep_target: Annotated[
        str | None, of(CHECK, "keep_target", left_out="what the store knows, or all are kept")
    ] = None,
    max_pixels: Annotated[
        int | None,
        typer.Option(
            help="Largest image that is decoded, height times width; 200 million unless the store "
            "knows another. A worker needs up to 22 bytes of memory for each pixel of it."
        ),
    ] = None,
    scale: Annotated[int, of(PAIRS, "scale")] = SETTINGS,
    patch: Annotated[int, of(NOISE, "patch", whose="To estimate with")] = SETTINGS,
    tile: Annotated[
        int | None, of(PAIRS, "tile", whose="To estimate with", left_out="256, 255 at x3")
    ] = None,
    cleanup: Annotated[int, of(PAIRS, "cleanup", whose="To estimate with")] = SETTINGS,
    workers: options.Workers = 0,
    scheduler: options.Scheduler = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Decode every photo, name each that will not do and why, and estimate what a run needs.

    Without a folder, the ones that the store knows are checked again.

    Example: degrade check ./dped --scale 4
    """
    from degrade.images.decode import DecodePolicy
    from degrade.images.policy import Selection
    from degrade.kernels.estimator_settings import SpectralSettings
    from degrade.kernels.spectral import MIN_SIDE
    from degrade.noise.mining import NoiseSettings
    from degrade.pairs import PairSettings
    from degrade.yaml_settings import validated
    from pipelines.photos.score_report import outlying, score_table
    from pipelines.recipes.forecast import forecast
    from pipelines.stages.check import check_photos, known_folders, known_policy

    odd = {"gray": gray, "alpha": alpha, "sixteen_bit": sixteen_bit, "cmyk": cmyk}
    said = {k: v for k, v in {**odd, "max_pixels": max_pixels}.items() if v is not None}
    policy = validated(DecodePolicy, {**known_policy(store), **said}, "check")
    named = {"near_duplicates": near_duplicates, "keep": keep, "keep_target": keep_target}
    wanted = {name: value for name, value in named.items() if value is not None}
    validated(Selection, wanted, "check")
    sizes = {"scale": scale, "cleanup": cleanup, **({} if tile is None else {"tile": tile})}
    validated(SpectralSettings, {"scale": scale}, "check")  # scales that an estimator has
    pairs = validated(PairSettings, sizes, "check")
    noise = validated(NoiseSettings, {"patch": patch}, "check")
    if source is target is None:  # check again what the store knows
        folders = known_folders(store)
        source, target = folders.get("source"), folders.get("target")
    store = options.shared(store, scheduler)
    with options.client(workers, scheduler) as client, options.writing(store):
        report = check_photos(
            store,
            client,
            source=source,
            target=target,
            policy=policy,
            near_duplicates=near_duplicates,
            keep=keep,
            keep_target=keep_target,
            overwrite=overwrite,
        )
    needs = forecast(
        report.records["source"], report.records["target"], store, MIN_SIDE, noise, pairs
    )
    seen = {"scores": score_table(report.records), "outliers": outlying(report.records)}
    result = {**report.summary(), "notes": report.notes(), **seen, "forecast": asdict(needs)}
    options.answer(result, _text(report, needs, pairs, noise.patch), json)


def _text(report: "CheckReport", needs: "Forecast", pairs: "PairSettings", patch: int) -> str:
    from pipelines.stages.source_rows import said_of

    lines = []
    for domain, records in report.records.items():
        if not records:
            continue
        usable = [record for record in records if record.status == "ok"]
        sides = [(record.width, record.height) for record in usable]
        sizes = f", {_size(min(sides))} to {_size(max(sides))}" if sides else ""
        lines.append(f"{domain}: {len(usable)} of {len(records)} images usable{sizes}")
        lines += options.refusals((r.path, r.reason) for r in records if r.status == "refused")
        lines += [
            options.on_one_line(f"  note {r.path}: {'; '.join(r.notes)}")
            for r in records
            if r.notes
        ]
        changes = report.changes.get(domain)
        if changes:
            lines.append(options.on_one_line(f"  since the last check: {said_of(changes)}"))
        lines += _scores(domain, records)
    lines += _outliers(report)
    lines += _near_duplicates(report)
    lines += _cameras(report)
    for listing in report.listings.values():
        lines += listing.beside()
    megabytes = options.megabytes
    lines += [
        f"at scale {pairs.scale}, tiles of {pairs.tile}, noise patches of {patch}:",
        f"  estimate-kernels can use {needs.kernel_photos} photos",
        f"  mine-noise sees {needs.noise_windows} windows, at most {megabytes(needs.noise_bytes)}",
        f"  build-pairs gives {needs.pairs} pairs from {needs.pair_photos} of {needs.photos} "
        f"photos, {megabytes(needs.pair_bytes)}",
    ]
    if not (needs.pairs and needs.noise_windows):
        lines.append("  none are large enough: give a smaller --tile or --patch, or --cleanup 1")
    if needs.free_bytes is None:
        return "\n".join(lines)
    lines.append(f"  free on disk: {megabytes(needs.free_bytes)}")
    if needs.pair_bytes + needs.noise_bytes > needs.free_bytes:
        lines.append("  this may not fit: make room, or pick a --store on another disk")
    return "\n".join(lines)


def _scores(domain: str, records: "Sequence[SourceRecord]") -> list[str]:
    """Draw how the scores of a domain's photos are distributed, those left out among them."""
    import sys

    from pipelines.photos.score_report import BARS, PLAIN_BARS, columns, histograms, scored

    seen = scored(records)
    if not seen:
        return []
    encodable = len(BARS.encode(sys.stdout.encoding or "ascii", "ignore").strip()) > 0
    bars = BARS if encodable else PLAIN_BARS
    drawn = (histogram.line(bars) for histogram in histograms(columns(seen)))
    return [f"scores of {len(seen)} {domain} photos:", *(f"  {line}" for line in drawn)]


def _outliers(report: "CheckReport") -> list[str]:
    from pipelines.photos.score_report import outlying

    found = outlying(report.records)
    lines = [options.on_one_line(f"  stands out {path}: {what}") for _, path, what in found[:MOST]]
    if len(found) > MOST:
        lines.append(f"  and {len(found) - MOST} more stand out; --json lists all")
    return lines


def _near_duplicates(report: "CheckReport") -> list[str]:
    groups = report.near_duplicates()
    if not groups:
        return []
    files, (one, other) = sum(map(len, groups)), (path for _, path in groups[0][:2])
    text = f"near duplicates: {len(groups)} groups of {files} photos (first: {one}, {other})"
    return [options.on_one_line(f"{text}; --json lists all")]


def _cameras(report: "CheckReport") -> list[str]:
    """Say which cameras EXIF names; one alone goes without saying."""
    cameras = report.cameras()
    if len(cameras) < 2:
        return []
    said = "; ".join(f"{name}: {photos}" for name, photos in cameras.items())
    return [options.on_one_line(f"{len(cameras)} cameras by EXIF, photos of each: {said}")]


def _size(side: tuple[int, int]) -> str:
    return f"{side[0]}x{side[1]}"
