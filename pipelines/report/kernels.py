"""The report's kernels: all of one scale with picture, score, shape and verdict."""

import math
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes

from degrade.arrays import F32, I64, Bool
from degrade.kernels.parametric import shape_exponent
from degrade.kernels.uncertainty import HalfWidths
from degrade.pictures import DECADES, kernel_picture
from degrade.store.contents import Kernels
from degrade.store.reader import Store
from degrade.store.schema import kernels_group
from pipelines.report.pictures import INK, SERIES, Plot, picture, plain, plot
from pipelines.report.section import cameras_in_words, evenly, shown
from pipelines.stages.exchange_kernels import named_kernels

MOST = 400
"""Kernels drawn; a picture of one takes half a kilobyte."""


@dataclass(frozen=True)
class KernelRow:
    """One estimate; sigmas in HR pixels, the angle in degrees, with their intervals if known."""

    photo: str
    picture: str
    score: str
    sigmas: tuple[str, str]
    angle: str
    shape: str
    accepted: bool
    reason: str
    group: str


@dataclass(frozen=True)
class KernelsBody:
    """What the section shows."""

    summary: str
    scale: int
    stage: str
    decades: int
    shown: str
    mean: str
    mean_log: str
    kernels: tuple[KernelRow, ...]
    plots: tuple[Plot, ...]
    cameras: str
    """Which cameras' photos they are of; empty where of one."""
    intervals: bool
    """Whether sigmas and angles have intervals."""


def kernels_body(store: Store, scale: int) -> KernelsBody:
    """Gather the kernels of one scale.

    Raises:
        StoreError: There are none, or they are unfinished or of other photos.
    """
    named = named_kernels(store.location, scale)
    kernels, total = named.kernels, len(named.photos)
    rows = evenly(total, MOST)
    half = kernels.half_widths(scale)
    good = int(kernels.accepted.sum())
    mean = kernels.weights[kernels.accepted].mean(axis=0) if good else None
    return KernelsBody(
        summary=f"{good} of {total} accepted",
        scale=scale,
        stage=named.stage,
        decades=DECADES,
        shown=shown(len(rows), total, "kernels"),
        mean="" if mean is None else _drawn(mean, log=False),
        mean_log="" if mean is None else _drawn(mean, log=True),
        kernels=tuple(_kernel(kernels, half, row, named.photos[row]) for row in rows),
        intervals=half is not None,
        plots=(_sigmas(kernels, kernels_group(scale).replace("/", "-")),) if good else (),
        cameras=cameras_in_words(store.stages()[kernels_group(scale)]),
    )


def _kernel(kernels: Kernels, half: HalfWidths | None, row: int, photo: str) -> KernelRow:
    major, minor = float(kernels.sigma_major[row]), float(kernels.sigma_minor[row])
    weights = kernels.weights[row]
    there = major > 0
    errors = ("", "", "")
    if half is not None and there:
        of_major, of_minor, of_angle = half.of(row)
        errors = (f" ± {of_major:.2f}", f" ± {of_minor:.2f}", f" ± {math.degrees(of_angle):.0f}°")
    return KernelRow(
        photo=photo,
        picture=_drawn(weights, log=True) if there else "",
        score=f"{float(kernels.score[row]):.2f}",
        sigmas=(f"{major:.2f}{errors[0]}", f"{minor:.2f}{errors[1]}"),
        angle=f"{math.degrees(float(kernels.angle[row])):.0f}°{errors[2]}" if there else "",
        shape=f"{shape_exponent(weights):.1f}" if there else "",
        accepted=bool(kernels.accepted[row]),
        reason=str(kernels.reason[row]),
        group="" if kernels.photo_group is None else str(kernels.photo_group[row]),
    )


def _drawn(weights: F32, *, log: bool) -> str:
    return picture(kernel_picture(weights, weights.shape[0], log=log), exact=True)


def _accepted_of_cameras(kernels: Kernels, rows: I64) -> list[tuple[Bool, str, str, str]]:
    """Return which rows are drawn as what, how and in which colour: the accepted ones by camera."""
    accepted = kernels.accepted[rows]
    if kernels.photo_group is None:
        return [(accepted, "accepted", "o", SERIES[0])]
    group = np.array(kernels.photo_group.tolist())[rows]
    marks = zip(np.unique(group), cycle("os^vD"), cycle((SERIES[0], *SERIES[2:])), strict=False)
    return [(accepted & (group == name), plain(str(name)), mark, c) for name, mark, c in marks]


def _sigmas(kernels: Kernels, name: str) -> Plot:
    rows = np.array(evenly(len(kernels.score), MOST))
    accepted = kernels.accepted[rows]
    there = kernels.sigma_minor[rows] > 0
    widths = np.concatenate([kernels.sigma_minor[rows][there], kernels.sigma_major[rows][there]])
    drawn = [*_accepted_of_cameras(kernels, rows), (~accepted, "refused", "x", SERIES[1])]

    def draw(axes: Axes) -> None:
        for which, label, marker, colour in drawn:
            chosen = rows[which & there]
            if len(chosen):
                across, along = kernels.sigma_minor[chosen], kernels.sigma_major[chosen]
                axes.plot(across, along, marker, ls="", ms=4.5, color=colour, label=label)
        low, high = np.percentile(widths, (0, 100)) * (0.95, 1.05)
        axes.plot([low, high], [low, high], color=INK, lw=0.8, ls=":", label="round")
        axes.set(xlabel="sigma across, HR pixels", ylabel="sigma along, HR pixels")

    good = kernels.sigma_major[kernels.accepted]
    alt = f"Accepted kernels are {good.min():.2f} to {good.max():.2f} HR pixels wide (longer sigma)"
    return plot(f"{name}-sigmas", "Width of the kernels along and across their axis", alt, draw)
