"""The scores of a photo: their names, what they mean, and how finely they are told."""

from collections.abc import Mapping

SCORES = {
    "sharpness": "steepest step at edges over their height, median, 0..1; 0 = no edges",
    "blockiness": "steps across an 8x8 grid over those beside it; 1 = none",
    "clipped": "share of pixels that are black or white",
    "flat": "share of pixels like all their neighbours, without any noise",
    "uniform": "share of pixels near the commonest brightness",
    "noise_level": "standard deviation of fine noise in quiet places, 0..255",
    "resolution": "share of the pixel grid's resolution that there is detail in, 0..1",
    "brightness": "mean, 0..1",
}
"""What each score is, in the order of the columns."""

_DIGITS = 4


def rounded(scores: Mapping[str, float]) -> dict[str, float]:
    """Return scores as they are told and judged, whether they are new or were stored as float32."""
    return {name: round(float(value), _DIGITS) for name, value in scores.items()}
