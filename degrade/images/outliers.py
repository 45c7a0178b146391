"""What a photo's scores say of it in words: a screenshot, a scan, blown out, upscaled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Scores = Mapping[str, float]

MAX_FLAT, MAX_CLIPPED = 0.7, 0.5
"""Largest shares of flat and of clipped pixels: above, it is a drawing or text, or a photo with too
little left for any stage."""


@dataclass(frozen=True)
class _Kind:
    """A kind of photo that stands out.

    Attributes:
        is_it: Takes a photo's scores and the medians of all photos.
        words: What it is; may name scores in braces.
    """

    is_it: Callable[[Scores, Scores], bool]
    words: str


_KINDS = (
    _Kind(
        lambda its, all_: its["brightness"] < 0.06, "dark: its mean brightness is {brightness:.0%}"
    ),
    _Kind(
        lambda its, all_: its["flat"] > 0.5,
        "a screenshot, drawing or text, or blown out: {flat:.0%} of it is without any texture",
    ),
    _Kind(
        lambda its, all_: its["clipped"] > 0.25 and its["brightness"] > 0.5,
        "blown out: {clipped:.0%} of it is white or black",
    ),
    _Kind(
        lambda its, all_: its["clipped"] > 0.25,
        "underexposed: {clipped:.0%} of it is black or white",
    ),
    _Kind(
        lambda its, all_: (
            its["uniform"] > 0.65 and its["sharpness"] > 0.3 and its["brightness"] > 0.6
        ),
        "a scan of a document, or things before a plain ground: {uniform:.0%} of it has one "
        "brightness",
    ),
    _Kind(
        lambda its, all_: its["uniform"] > 0.65,
        "flat: {uniform:.0%} of it has one brightness",
    ),
    _Kind(
        lambda its, all_: its["blockiness"] > max(1.4, 1.2 * all_["blockiness"]),
        "heavily compressed, or enlarged by repeating pixels: steps at an 8x8 grid are "
        "{blockiness:.2g} times the others",
    ),
    _Kind(
        lambda its, all_: its["resolution"] < min(0.65, 0.75 * all_["resolution"]),
        "upscaled, or out of focus: it has detail up to {resolution:.0%} of its resolution",
    ),
    _Kind(
        lambda its, all_: its["sharpness"] < 0.5 * all_["sharpness"],
        "blurred: its edges take {sharpness:.0%} of their height in a pixel",
    ),
    _Kind(
        lambda its, all_: its["sharpness"] > max(0.75, 1.2 * all_["sharpness"]),
        "sharpened by a program, or drawn: its edges take {sharpness:.0%} of their height in a "
        "pixel",
    ),
    _Kind(
        lambda its, all_: its["noise_level"] > max(5.0, 3 * all_["noise_level"]),
        "noisy, or finely textured all over: {noise_level:.1f} levels in its quiet places",
    ),
)
"""Kinds in order: a photo is called by the first that fits."""


def outlier(scores: Scores, medians: Scores) -> str:
    """Return what a photo is that stands out from the others; "" if it does not.

    Args:
        scores: Of the photo, by the names of `degrade.images.keep.SCORES`.
        medians: Of all photos: what most of a camera's photos are does not stand out.
    """
    found = next((kind for kind in _KINDS if kind.is_it(scores, medians)), None)
    return found.words.format(**scores) if found else ""
