"""The report's noise: patches, how strong they are at which brightness, and their spectrum."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from degrade.arrays import F64, I64
from degrade.images.colour import luma
from degrade.noise.floor import CENTRES
from degrade.pictures import noise_picture
from degrade.store.contents import NoiseBank
from degrade.store.reader import Store
from degrade.store.schema import NOISE
from pipelines.report.pictures import INK, SERIES, Plot, picture, plain, plot
from pipelines.report.section import cameras_in_words, evenly, shown

PATCHES, SIDE, GAIN = 30, 96, 6.0
"""Patches shown, the side of their pictures, and how much their noise is amplified."""
DOTS, BINS, MEASURED = 300, 12, 200
"""Dots in the plot of variances, bins of its curve, and patches whose spectra are averaged."""


@dataclass(frozen=True)
class Patch:
    """One patch: its photo, brightness (0..255) and grey variance."""

    photo: str
    place: str
    mean: str
    variance: str
    picture: str


@dataclass(frozen=True)
class NoiseBody:
    """What the section shows."""

    summary: str
    windows: int
    gain: float
    shown: str
    patches: tuple[Patch, ...]
    plots: tuple[Plot, ...]
    refused: tuple[tuple[str, int], ...]
    """Settings, and the windows that failed them."""
    cameras: str
    """Which cameras' photos they are of; empty where of one."""


def noise_body(store: Store) -> NoiseBody:
    """Gather the noise bank.

    Raises:
        StoreError: There is none, or it is unfinished.
    """
    bank = store.noise()
    attributes: dict[str, Any] = store.stages()[NOISE]
    brightness = np.asarray(luma(bank.mean), np.float64)
    order = np.argsort(brightness, kind="stable")
    chosen = order[evenly(len(order), PATCHES)]
    paths = store.sources().path if (bank.source >= 0).any() else ()
    deviation = float(np.sqrt(bank.variance.mean()))
    return NoiseBody(
        summary=f"{len(order)} patches, standard deviation {deviation:.2f} of 255",
        windows=int(attributes["windows"]),
        gain=GAIN,
        shown=shown(len(chosen), len(order), "patches") + ", the darkest first",
        patches=tuple(_patch(bank, row, brightness, paths) for row in chosen.tolist()),
        plots=(_curve(bank, brightness), *_of_cameras(bank), _spectrum(bank, order)),
        refused=tuple((name, int(count)) for name, count in attributes["refused"].items()),
        cameras=cameras_in_words(attributes),
    )


def _patch(bank: NoiseBank, row: int, brightness: F64, paths: Any) -> Patch:
    tile = bank.patches.tile(row)[:SIDE, :SIDE]
    return Patch(
        photo=str(paths[bank.source[row]]) if bank.source[row] >= 0 else "imported",
        place=f"row {bank.row[row]}, column {bank.col[row]}",
        mean=f"{brightness[row]:.0f}",
        variance=f"{bank.variance[row]:.2f}",
        picture=picture(noise_picture(tile, tile.shape[0], GAIN)),
    )


def _curve(bank: NoiseBank, brightness: F64) -> Plot:
    """Plot the variance of every patch over its brightness, with the median of equal groups."""
    order = np.argsort(brightness, kind="stable")
    dots = order[evenly(len(order), DOTS)]
    middle, low, median, high = _grouped(brightness, bank.variance.astype(np.float64), order)

    def draw(axes: Axes) -> None:
        axes.plot(
            brightness[dots], bank.variance[dots], "o", ms=2.5, alpha=0.5, mew=0, color=SERIES[0]
        )
        axes.fill_between(middle, low, high, color=SERIES[1], alpha=0.25, lw=0, label="quartiles")
        axes.plot(middle, median, color=SERIES[1], marker=".", label="median")
        axes.set(xlabel="brightness, 0..255", ylabel="grey variance, levels²")
        axes.set_ylim(bottom=0)

    ends = f"from {median[0]:.2f} at brightness {middle[0]:.0f}"
    alt = f"Median variance {ends} to {median[-1]:.2f} at {middle[-1]:.0f}"
    return plot("noise-curve", "Variance against brightness", alt, draw)


def _of_cameras(bank: NoiseBank) -> Iterator[Plot]:
    """Plot the noise curve of each group, where the photos are of several."""
    if bank.group_name is None or bank.group_curve is None:
        return
    names = [plain(str(name)) for name in bank.group_name]
    curves = np.sqrt(bank.group_curve.mean(axis=1))

    def draw(axes: Axes) -> None:
        styles = zip(cycle(SERIES), cycle(("-", "--", ":", "-.")), strict=False)
        for name, curve, (colour, dash) in zip(names, curves, styles, strict=False):
            axes.plot(CENTRES, curve, dash, color=colour, label=name)
        axes.set(xlabel="brightness, 0..255", ylabel="standard deviation, levels")
        axes.set_ylim(bottom=0)

    middle = len(CENTRES) // 2
    said = ", ".join(
        f"{name} {curve[middle]:.2f}" for name, curve in zip(names, curves, strict=True)
    )
    alt = f"Standard deviation at middle brightness: {said}"
    which = "camera" if bank.group_camera is None else "camera and sensitivity"
    yield plot("noise-cameras", f"Noise of each {which}, textured areas included", alt, draw)


def _grouped(x: F64, y: F64, order: I64) -> tuple[F64, F64, F64, F64]:
    """Return, of groups equal in number, the median of x and the quartiles of y."""
    groups = np.array_split(order, max(1, min(BINS, len(order) // 4)))
    middle = np.array([np.median(x[group]) for group in groups])
    low, median, high = np.array([np.percentile(y[group], (25, 50, 75)) for group in groups]).T
    return middle, low, median, high


def _spectrum(bank: NoiseBank, order: I64) -> Plot:
    """Plot the mean power of the patches' channels over frequency, white noise being flat."""
    rows = order[evenly(len(order), MEASURED)]
    frequency, power = _radial([bank.patches.tile(int(row)) for row in rows])

    def draw(axes: Axes) -> None:
        names = ("red", "green", "blue")
        for name, values, colour, dash in zip(names, power, SERIES, ("-", "--", ":"), strict=False):
            axes.plot(frequency, values, dash, color=colour, label=name)
        axes.axhline(float(power.mean()), color=INK, lw=0.6, ls=(0, (1, 4)))
        axes.set(xlabel="frequency, cycles per pixel", ylabel="power, levels²", yscale="log")

    fall = float(power[:, 1].mean() / power[:, -1].mean())
    alt = f"Power at low frequencies is {fall:.1f} times that at the highest; white noise has 1"
    return plot("noise-spectrum", f"Spectrum, mean of {len(rows)} patches", alt, draw)


def _radial(tiles: list[Any]) -> tuple[F64, F64]:
    """Return frequencies [f] and the mean power [3, f] of square uint8 patches."""
    side = tiles[0].shape[0]
    across = np.fft.fftfreq(side)
    radius = np.hypot(across[:, None], across[None, :])
    rings = min(24, side // 2)
    ring = np.minimum((radius / 0.5 * rings).astype(int), rings)
    taper = np.outer(*(np.hanning(side + 2)[1:-1],) * 2)
    taper /= np.sqrt((taper**2).mean())
    total = np.zeros((side, side, 3))
    for tile in tiles:
        centred = tile - tile.mean(axis=(0, 1), dtype=np.float64)
        total += np.abs(np.fft.fft2(centred * taper[:, :, None], axes=(0, 1))) ** 2 / side**2
    counts = np.bincount(ring.ravel(), minlength=rings + 1)[:rings]
    sums = [np.bincount(ring.ravel(), total[:, :, c].ravel(), rings + 1)[:rings] for c in range(3)]
    power = np.array(sums) / counts / len(tiles)
    return (np.arange(rings) + 0.5) / rings * 0.5, power
