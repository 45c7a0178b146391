"""Look at one source file before the work starts: can it be used, and if not, why."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from degrade.arrays import Image
from degrade.errors import ImageRefused
from degrade.images.decode import DEFAULT_POLICY, DecodePolicy, composed, decode_uncomposed
from degrade.images.exif import UNKNOWN, TakenWith, taken_with
from degrade.images.files import read_whole, resolve_inside
from degrade.images.near_duplicates import thumbnail
from degrade.images.scores import constant_along, sampled, scores_of


@dataclass(frozen=True)
class SourceRecord:
    """One row of the store's ``sources``."""

    path: str
    """Relative to the source folder, posix form."""
    sha256: str
    """SHA-256 of the file's bytes, hexadecimal; empty where they cannot be read."""
    height: int
    """After EXIF rotation; 0 where the file cannot be decoded."""
    width: int
    status: Literal["ok", "refused"]
    reason: str
    """Why the file is refused; empty where it is ok."""
    notes: tuple[str, ...]
    """What a user may want to know of a file that is ok."""
    thumbnail: bytes = field(default=b"", compare=False, repr=False)
    """Rows of `degrade.images.near_duplicates.thumbnail`; empty where it was not decoded."""
    group: int = -1
    """Row of the first of its near duplicates among all files of the store; -1 = it has none."""
    taken_with: TakenWith = UNKNOWN
    """The camera, as far as EXIF names it."""
    scores: dict[str, float] = field(default_factory=dict, compare=False, repr=False)
    """See `degrade.images.scores`; empty where it was not decoded."""


def check_file(
    folder: Path, relative: str, policy: DecodePolicy = DEFAULT_POLICY, min_side: int = 1
) -> SourceRecord:
    """Read and decode one file of ``folder``; as `inspect_file`, without its pixels."""
    return inspect_file(folder, relative, policy, min_side)[0]


def inspect_file(
    folder: Path,
    relative: str,
    policy: DecodePolicy = DEFAULT_POLICY,
    min_side: int = 1,
    *,
    judged: bool = True,
) -> tuple[SourceRecord, Image | None]:
    """Read and decode one file of ``folder``; a bad file gives a refused record, never an error.

    Args:
        folder: The source folder.
        relative: The file's path in it, as in `Listing.images`.
        policy: What to do with files that are not plain 8-bit RGB.
        min_side: Images with a shorter side are refused: the crop that will be asked of them.
        judged: Make the thumbnail and the scores, by which photos are chosen.

    Returns:
        The record, and the pixels as `degrade.images.decode.decode` gives them; None if refused.
    """
    digest, height, width = "", 0, 0
    try:
        data = _read(folder, relative, policy.max_pixels)
        digest = hashlib.sha256(data).hexdigest()
        parts = decode_uncomposed(data, relative, policy)
        pixels, notes = composed(parts, relative, policy)
        height, width = pixels.shape[:2]
        if min(height, width) < min_side:
            raise ImageRefused(
                relative,
                f"{width}x{height} has a side of less than {min_side} pixels, too small to use",
            )
    except ImageRefused as refusal:
        return SourceRecord(relative, digest, height, width, "refused", refusal.reason, ()), None
    notes += _sameness(pixels)
    record = SourceRecord(
        path=relative,
        sha256=digest,
        height=height,
        width=width,
        status="ok",
        reason="",
        notes=notes,
        taken_with=taken_with(parts.exif),
    )
    if not judged:
        return record, pixels
    sample = sampled(pixels)
    seen = thumbnail(pixels, sample).tobytes()
    return replace(record, thumbnail=seen, scores=scores_of(pixels, sample)), pixels


def _read(folder: Path, relative: str, max_pixels: int) -> bytes:
    try:
        return read_whole(resolve_inside(folder, relative), relative, max_pixels)
    except FileNotFoundError as error:
        what = "is a link to nothing" if (folder / relative).is_symlink() else "is not there"
        raise ImageRefused(relative, f"{what} (was it moved or deleted?)") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ImageRefused(relative, f"cannot be read ({why})") from error


def _sameness(pixels: Image) -> tuple[str, ...]:
    """Name images that show no edges along an axis, where no blur can be estimated."""
    across_rows, across_columns = constant_along(pixels)
    if across_rows and across_columns:
        return ("flat: all pixels are equal",)
    if across_rows:
        return ("constant along its height: all rows are equal",)
    return ("constant along its width: all columns are equal",) if across_columns else ()
