"""Which file an upscaled image is written to, checked before the work begins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pillow

from degrade.errors import DegradeError, NothingToDo
from degrade.images.files import find_files, no_images
from degrade.images.formats import IMAGE_SUFFIXES
from degrade.images.write import WRITABLE

MARK = "degrade-upscale"
"""Keyword of the text in our PNG files that tells how and from what they were made."""
_PICTURES = IMAGE_SUFFIXES | {".gif", ".ico", ".jp2", ".jpe", ".pdf", ".psd", ".svg", ".exr"}
"""Suffixes that are meant as a file; others, as in ``results_v1.0``, belong to a folder's name."""


@dataclass(frozen=True)
class Plan:
    """What is to be made."""

    jobs: Mapping[Path, Path]
    """Output of each input."""
    outside: tuple[str, ...] = ()
    """Links that lead out of the folder."""
    beside: tuple[str, ...] = ()
    """What lies beside the images and is left, a line for each kind."""


def plan_upscaling(source: Path, out: Path) -> Plan:
    """Return what each image of a file or folder becomes.

    In a folder it is ``<stem>.png``, or ``<name>.png`` where two images have one stem.

    Raises:
        NothingToDo: No image at ``source``.
        DegradeError: An output would replace an input, lies among the inputs, or has no format that
            can be written.
    """
    if source.is_dir():
        plan = _plan_folder(source, out)
    elif source.is_file():
        plan = Plan({source: _target(source, out)})
    else:
        raise NothingToDo(f"{source}: no such file or folder; give an image or a folder of images")
    inputs = {path.resolve() for path in plan.jobs}
    for target in plan.jobs.values():
        if target.resolve() in inputs:
            raise DegradeError(f"{target}: would replace an input; give another output folder")
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise DegradeError(
            f"{out}: lies in {source}, so that the next run would upscale its images again; "
            "give a folder outside"
        )
    return plan


def check_existing(targets: Iterable[Path], digest: str) -> None:
    """Refuse to replace files that were made otherwise than ``digest`` tells.

    Raises:
        DegradeError: The text names the first.
    """
    for target in targets:
        if target.exists() and mark_of(target).partition(" ")[0] != digest:
            raise DegradeError(
                f"{target}: is there already and was made otherwise; give another output, or "
                "replace it with --overwrite"
            )


def mark_of(target: Path) -> str:
    """Return how an existing output was made; "" if it is absent or does not say."""
    if target.suffix.lower() != ".png" or not target.is_file():
        return ""
    try:
        with Pillow.open(target, formats=["PNG"]) as image:
            return str(image.info.get(MARK, ""))
    except (OSError, ValueError, SyntaxError):
        return ""


def _plan_folder(source: Path, out: Path) -> Plan:
    listing = find_files(source)
    if not listing.images:
        raise NothingToDo(no_images(source, listing))
    if out.suffix.lower() in WRITABLE and not out.is_dir():
        raise DegradeError(f"{out}: a folder of images needs a folder; give one without suffix")
    names = _output_names(listing.images)
    jobs = {source / name: out / names[name] for name in listing.images}
    return Plan(jobs, listing.outside, tuple(listing.beside()))


def _output_names(images: Iterable[str]) -> dict[str, str]:
    """Return an output for each image: by its stem, by its whole name where that is taken."""
    names = {image: Path(image).with_suffix(".png").as_posix() for image in images}
    while True:
        first: dict[str, str] = {}
        taken = {n for image, n in names.items() if first.setdefault(n, image) != image}
        if not taken:
            return names
        names = {i: f"{i}.png" if name in taken else name for i, name in names.items()}


def _target(source: Path, out: Path) -> Path:
    suffix = out.suffix.lower()
    if out.is_dir() or suffix not in _PICTURES:
        return out / f"{source.stem}.png"
    if suffix not in WRITABLE:
        raise DegradeError(
            f"{out}: {out.suffix} cannot be written; give {', '.join(WRITABLE)}, or a folder"
        )
    return out
