"""What a camera is described by, as a table: a row per camera, a column per parameter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from degrade.arrays import F32, F64, I64, Bool

DEMOSAICING = (
    "bilinear",
    "gradient-corrected",
    "edge-aware",
    "directional",
    "variable gradients",
    "none",
)
"""How missing colours are filled in; none: each pixel has all three (binned or shrunken photos)."""
OVERSAMPLING = (1.0, 1.25, 1.5, 2.0)
"""Sensor pixels per photo pixel, along an axis."""
DENOISERS = ("bilateral", "non-local means")
"""They compare neighbours by their own values, or by the patches around them."""
TONES = ("sRGB", "none")
"""Curve from light to display tones; none: blur, sampling and noise are of display tones, as in
photos that were not taken but made worse, or reworked after they were taken."""
CHOICES: Mapping[str, Sequence[str | float]] = {
    "oversampling": OVERSAMPLING,
    "demosaicing": DEMOSAICING,
    "denoiser": DENOISERS,
    "tone": TONES,
}
"""What the parameters that are choices, not numbers, choose from."""
KINDS = ("oversampling", "demosaicing", "denoiser")
"""Choices that need different processing steps, so that cameras are grouped by them."""


@dataclass(frozen=True)
class Parameter:
    """One number of a camera.

    Attributes:
        meaning: In words, with the unit.
        low: Least value, or the first choice.
        high: Largest value.
        spacing: How values are spread between the two when nothing is known.
        off: Share of the cameras, then, that go without this step: theirs is ``low``. Without it
            most of what a search draws is softer than most cameras are.
    """

    meaning: str
    low: float
    high: float
    spacing: Literal["even", "log", "choice"] = "even"
    off: float = 0.0

    def at(self, share: F64) -> F64:
        """Return the values at shares in [0, 1) of the range."""
        if self.spacing == "choice":
            return np.floor(self.low + share * (self.high - self.low + 1))
        if self.spacing == "log":
            return np.asarray(self.low * (self.high / self.low) ** share)
        return self.low + self.acting(share) * (self.high - self.low)

    def acting(self, share: F64) -> F64:
        """Return shares of the range [0, 1) as far as they change anything: 0 for all that is off.

        Of log or choice, none is off.
        """
        return np.maximum(share - self.off, 0) / (1 - self.off)

    def share(self, values: F64) -> F64:
        """Return where values lie in the range, as `at` takes it; of ``low``, where it begins."""
        if self.spacing == "choice":
            return (values - self.low + 0.5) / (self.high - self.low + 1)
        if self.spacing == "log":
            return np.asarray(np.log(values / self.low) / np.log(self.high / self.low))
        acting = (values - self.low) / (self.high - self.low)
        return self.off + (1 - self.off) * acting


PARAMETERS: Mapping[str, Parameter] = {
    "blur": Parameter("standard deviation of the green lens blur, photo pixels", 0.12, 0.9, "log"),
    "blur_red": Parameter("the same of red, over that of green", 0.9, 1.5),
    "blur_blue": Parameter("the same of blue, over that of green", 0.9, 1.5),
    "aspect": Parameter("of the lens blur: shorter over longer axis", 0.6, 1),
    "angle": Parameter("of its longer axis, radians from the x axis to larger rows", 0, np.pi),
    "defocus": Parameter("radius of the disc of defocus, photo pixels", 0, 1, off=0.5),
    "oversampling": Parameter(
        "sensor pixels per photo pixel (index of OVERSAMPLING)", 0, 3, "choice"
    ),
    "gain_red": Parameter("white balance: amplification of red", 1, 2.4),
    "gain_blue": Parameter("white balance: amplification of blue", 1, 2.2),
    "shot": Parameter("noise variance per unit of light, full scale 1", 2e-5, 4e-3, "log"),
    "read": Parameter("noise variance in the dark", 1e-6, 1e-3, "log"),
    "demosaicing": Parameter("index of DEMOSAICING", 0, 5, "choice"),
    "denoiser": Parameter("of luma: index of DENOISERS", 0, 1, "choice"),
    "denoise_luma": Parameter(
        "differences that are smoothed, in deviations of the noise", 0, 5, off=0.5
    ),
    "denoise_chroma": Parameter("likewise, of colour", 0.5, 32, "log"),
    "smooth_luma": Parameter(
        "standard deviation of luma's smoothing, sensor pixels", 0, 0.7, off=0.5
    ),
    "smooth_chroma": Parameter("the same of colour", 0.2, 3.2, "log"),
    "tone": Parameter("curve of the tones: index of TONES", 0, 1, "choice"),
    "contrast": Parameter("exponent of the S-curve after it", 0.8, 1.8),
    "sharpening": Parameter("amount of the unsharp mask", 0, 2.4),
    "radius": Parameter("of the unsharp mask, photo pixels", 0.4, 1.6),
    "coring": Parameter("detail that is too faint to be sharpened, levels of 0..255", 0, 3),
    "clamp": Parameter("most that sharpening adds, levels of 0..255", 4, 120, "log"),
}


ADDED = {name: PARAMETERS[name].low for name in ("smooth_luma", "smooth_chroma", "tone")}
"""Values for cameras from stores that are older than a parameter: its step does nothing or hardly
anything, and tones are sRGB's."""


@dataclass(frozen=True)
class Cameras:
    """Cameras, a row each: ``values`` [N, P] has a column per name of `PARAMETERS`."""

    values: F64

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, name: str) -> F32:
        """Return one parameter of every camera, [N]."""
        return np.asarray(self.values[:, list(PARAMETERS).index(name)], np.float32)

    def rows(self, chosen: I64 | Sequence[int] | slice) -> "Cameras":
        """Return some of the cameras."""
        return Cameras(self.values[chosen])

    @cached_property
    def kinds(self) -> I64:
        """[N, 3]: indices of the choices of each of KINDS."""
        return np.stack([self[name] for name in KINDS], axis=1).astype(np.int64)

    @cached_property
    def tones(self) -> "Tones":
        """The tone curve of every camera."""
        return Tones(self["contrast"], self["tone"] == TONES.index("none"))


@dataclass(frozen=True)
class Tones:
    """Tone curves of B cameras.

    Attributes:
        contrast: [B], exponent of the S-curve y^c / (y^c + (1 - y)^c); 1 leaves y.
        straight: [B], whether it is all: no curve of sRGB's before it.
    """

    contrast: F32
    straight: Bool


def written(name: str, value: float) -> str:
    """Write a parameter's value for people."""
    if name not in CHOICES:
        return f"{value:.3g}"
    chosen = CHOICES[name][round(value)]
    return chosen if isinstance(chosen, str) else f"{chosen:g}"


def from_columns(columns: Mapping[str, Any], count: int) -> Cameras:
    """Return ``count`` cameras of a store or file, a column per parameter.

    Raises:
        KeyError: One is missing that was always there.
    """
    values = [
        np.full(count, ADDED[name]) if name in ADDED and name not in columns else columns[name]
        for name in PARAMETERS
    ]
    return Cameras(np.stack([np.asarray(column, np.float64) for column in values], axis=1))


def from_shares(shares: F64) -> Cameras:
    """Return the cameras at shares [N, P] in [0, 1) of each parameter's range."""
    columns = [p.at(shares[:, i]) for i, p in enumerate(PARAMETERS.values())]
    return Cameras(np.stack(columns, axis=1))


def uniform_shares(rng: np.random.Generator, count: int, tone: str = "sRGB") -> F64:
    """Return shares [count, P] of cameras from anywhere in the ranges, of one tone curve."""
    shares = rng.random((count, len(PARAMETERS)))
    index = np.array([float(TONES.index(tone))])
    shares[:, list(PARAMETERS).index("tone")] = PARAMETERS["tone"].share(index)
    return shares


def to_shares(cameras: Cameras) -> F64:
    """Return where cameras lie in the ranges, [N, P]."""
    columns = [p.share(cameras.values[:, i]) for i, p in enumerate(PARAMETERS.values())]
    return np.stack(columns, axis=1)
