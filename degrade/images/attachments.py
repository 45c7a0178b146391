"""What phones put beside the main picture of a file: gain maps, second pictures, clips."""

import re
from typing import Any

from degrade.images import isobmff

_GAIN_MAPS = re.compile(
    rb"http://ns\.adobe\.com/hdr-gain-map/1\.0/|urn:iso:std:iso:ts:21496:-1|aux:hdrgainmap"
)
_CLIPS = re.compile(rb"Camera:(?:MotionPhoto|MicroVideo)(?:>|=[\"'])\s*1")
_SAMSUNG_CLIP = b"MotionPhoto_Data"
_HEAD = 1 << 18
"""Bytes that hold the descriptions of a picture; what follows is pixels, or a clip."""


def attachment_notes(image: Any, data: bytes) -> list[str]:
    """Name what a file holds beside its main picture, which alone is used.

    Args:
        image: As Pillow opened it, at its main picture.
        data: The file.
    """
    notes = []
    count = getattr(image, "n_frames", 1)
    if count > 1 and image.format in ("MPO", "HEIF"):
        notes.append(f"holds {count} pictures; the main one is used")
    elif count > 1:
        notes.append(f"has {count} pages or frames; the first is used")
    head = data[:_HEAD]
    auxiliary = " ".join(map(str, image.info.get("aux", ())))
    if _GAIN_MAPS.search(head) or "hdrgainmap" in auxiliary:
        notes.append("has a gain map for HDR, which is not applied")
    if _CLIPS.search(head) or _SAMSUNG_CLIP in data or isobmff.has_box(data, b"mpvd"):
        notes.append("is a motion photo; its still picture is used")
    return notes
