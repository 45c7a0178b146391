"""Upscale image files: what is written where, what is refused, and going on after a stop."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image as Pillow

from degrade.arrays import U8, Image
from degrade.errors import DegradeError, ImageRefused, NothingToDo, SettingsError
from degrade.images.colour import luma, to_uint8
from degrade.images.decode import (
    DEFAULT_POLICY,
    DecodePolicy,
    UncomposedImage,
    composed,
    decode_uncomposed,
)
from degrade.images.exif import carried_over
from degrade.images.files import find_files, no_images
from degrade.images.formats import IMAGE_SUFFIXES
from degrade.images.resize import bicubic
from degrade.images.write import WRITABLE, check_fits, png_strips, write_image
from sr_train.inference.upscaling import DEFAULT_TILING, Tiling, Upscaler, upscale_strips
from sr_train.networks.generator import ReferenceGenerator
from sr_train.reference.reference_files import (
    ReferenceFolder,
    WithReferences,
    read_reference,
    stacked,
)

ASKED = 100
"""Images of a folder, or some more, whose headers are read for how large all are."""
_LAYOUT = 2
"""Changes when the same pixels are written otherwise than before."""


@dataclass(frozen=True)
class UpscaleJob:
    """How SR images are made."""

    network: Upscaler | ReferenceGenerator
    """On ``device``, in evaluation mode."""
    identity: str
    """Identifies the network: the hash of its weights' file."""
    tiling: Tiling = DEFAULT_TILING
    device: str | torch.device = "cpu"
    bf16: bool = False
    policy: DecodePolicy = DEFAULT_POLICY
    """What to do with images that are not 8-bit RGB."""
    references: ReferenceFolder | None = None
    """Where each image's references are, for networks that take some."""
    keep_alpha: bool = True
    """Enlarge alpha channels, too; else the policy decides about them."""

    @property
    def digest(self) -> str:
        """Hash of all that decides the file, but the image."""
        policy = self.policy.model_dump()
        parts = [self.identity, asdict(self.tiling), self.bf16, policy, self.keep_alpha, _LAYOUT]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Upscaled:
    """What became of the files."""

    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    """Outputs that were there already, made the same way from the same image."""
    refused: tuple[ImageRefused, ...]
    notes: tuple[tuple[str, str], ...] = ()
    """What was converted, turned or left out of images that were read, by their path."""
    beside: tuple[str, ...] = ()
    """What lies beside a folder's images, a line for each kind."""


def upscale_files(
    job: UpscaleJob,
    source: Path,
    out: Path,
    overwrite: bool = False,
    done: Callable[[Path], None] = lambda path: None,
) -> Upscaled:
    """Upscale a file, or every image of a folder; files that cannot be read are left and reported.

    Outputs are 8-bit sRGB, upright, with the EXIF data of the photo; gray images stay gray, and
    alpha channels are enlarged bicubically beside the colours. A PNG file tells in its text chunk
    how it was made: those that would come out the same are left, so a stopped run goes on.

    Args:
        job: How.
        source: A file or a folder.
        out: A folder, which gets PNG files in the same subfolders (see `plan_upscaling`); or, for
            one file, a file with a suffix of `WRITABLE`.
        overwrite: Replace files that were made otherwise.
        done: Called with each path after it was dealt with.

    Raises:
        NothingToDo: No image at ``source``.
        DegradeError: As `plan_upscaling` and `check_existing`, or an output cannot be written.
    """
    if isinstance(job.network, ReferenceGenerator) != (job.references is not None):
        raise SettingsError(_unfitting(job))
    plan = plan_upscaling(source, out)
    if not overwrite:
        check_existing(plan.jobs.values(), job.digest)
    written: list[Path] = []
    kept: list[Path] = []
    notes: list[tuple[str, str]] = []
    refused = [ImageRefused(n, "leads out of the folder (copy it there)") for n in plan.outside]
    for path, target in plan.jobs.items():
        try:
            name = path.relative_to(source) if source.is_dir() else Path(path.name)
            said = _upscale_file(job, path, PurePosixPath(name.as_posix()), target)
        except ImageRefused as reason:
            refused.append(reason)
        else:
            (kept if said is None else written).append(target)
            notes += [(str(path), "; ".join(said))] if said else []
        done(path)
    return Upscaled(tuple(written), tuple(kept), tuple(refused), tuple(notes), plan.beside)


def count_pixels(source: Path) -> int:
    """Return how many LR pixels a file, or a folder's images, have, by the headers of some.

    Files whose headers do not tell it count as none: it is asked for how long the work takes.
    """
    paths = [source / n for n in find_files(source).images] if source.is_dir() else [source]
    asked = paths[:: len(paths) // ASKED + 1]
    return sum(map(_pixels, asked)) * len(paths) // max(1, len(asked))


def _pixels(path: Path) -> int:
    try:
        with Pillow.open(path) as image:
            return image.width * image.height
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        return 0


def _unfitting(job: UpscaleJob) -> str:
    network = type(job.network).__name__
    if job.references is None:
        return f"{network} takes references: name their folder with --references"
    return f"{network} takes no references: leave --references out"


def _upscale_file(
    job: UpscaleJob, path: Path, name: PurePosixPath, target: Path
) -> tuple[str, ...] | None:
    """Make one output and return what is to be noted; None if it was there already."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageRefused(path, f"cannot be read ({error.strerror or error})") from error
    network, given = _network_for(job, name)
    mark = f"{job.digest} {hashlib.sha256(data + given).hexdigest()}"
    if mark_of(target) == mark:
        return None
    parts = decode_uncomposed(data, str(path), job.policy)
    if parts.alpha is not None and not job.keep_alpha:
        pixels, notes = composed(parts, str(path), job.policy)
        parts = UncomposedImage(pixels, notes, None, parts.gray, parts.exif)
    _write(job, network, parts, target, mark)
    return parts.notes


def _network_for(job: UpscaleJob, name: PurePosixPath) -> tuple[Upscaler, bytes]:
    """Return the network with an image's references, and these as bytes."""
    if not isinstance(job.network, ReferenceGenerator):
        return job.network, b""
    assert job.references is not None
    read = [read_reference(path, job.policy) for path in job.references.of(name)]
    pictures = stacked([picture for _, picture in read])
    return WithReferences(job.network, pictures), b"".join(data for data, _ in read)


def _write(
    job: UpscaleJob, network: Upscaler, lr: UncomposedImage, target: Path, mark: str
) -> None:
    height, width = (side * network.scale for side in lr.pixels.shape[:2])
    gray = lr.gray or _is_colourless(lr.pixels)
    channels = (1 if gray else 3) + (lr.alpha is not None)
    check_fits(target, height, width, channels)
    exif = carried_over(lr.exif, height, width)
    strips = _strips(job, network, lr, gray)
    if target.suffix.lower() != ".png":
        write_image(target, np.concatenate(list(strips)), exif)
        return
    with png_strips(target, height, width, {MARK: mark}, channels=channels, exif=exif) as put:
        for strip in strips:
            put(strip)


def _is_colourless(pixels: Image) -> bool:
    """Tell an image whose three channels are equal, though its file has colours."""
    red, green, blue = np.moveaxis(pixels, 2, 0)
    return bool(np.array_equal(red, green) and np.array_equal(green, blue))


def _strips(job: UpscaleJob, network: Upscaler, lr: UncomposedImage, gray: bool) -> Iterator[U8]:
    """Yield SR from the top: gray or RGB, and alpha where there is one."""
    cover = None
    if lr.alpha is not None:
        enlarged = bicubic(lr.alpha[..., None], network.scale)
        cover = to_uint8(np.clip(enlarged, 0, 1))
    top = 0
    for rgb in upscale_strips(network, lr.pixels, job.tiling, job.device, job.bf16):
        strip = np.rint(luma(rgb)).astype(np.uint8)[..., None] if gray else rgb
        if cover is not None:
            strip = np.concatenate((strip, cover[top : top + len(rgb)]), axis=2)
        top += len(rgb)
        yield strip


MARK = "degrade-upscale"
"""Keyword of the text in our PNG files that says how and from what they were made."""
_PICTURES = IMAGE_SUFFIXES | {".gif", ".ico", ".jp2", ".jpe", ".pdf", ".psd", ".svg", ".exr"}
"""Suffixes that are meant as a file; others, as in ``results_v1.0``, belong to a folder's name."""


@dataclass(frozen=True)
class UpscalePlan:
    """What is to be made."""

    jobs: Mapping[Path, Path]
    """Output of each input."""
    outside: tuple[str, ...] = ()
    """Links that lead out of the folder."""
    beside: tuple[str, ...] = ()
    """What lies beside the images and is left, a line for each kind."""


def plan_upscaling(source: Path, out: Path) -> UpscalePlan:
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
        plan = UpscalePlan({source: _target(source, out)})
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
    """Refuse to replace files that were made otherwise than ``digest`` says.

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


def _plan_folder(source: Path, out: Path) -> UpscalePlan:
    listing = find_files(source)
    if not listing.images:
        raise NothingToDo(no_images(source, listing))
    if out.suffix.lower() in WRITABLE and not out.is_dir():
        raise DegradeError(f"{out}: a folder of images needs a folder; give one without suffix")
    names = _output_names(listing.images)
    jobs = {source / name: out / names[name] for name in listing.images}
    return UpscalePlan(jobs, listing.outside, tuple(listing.beside()))


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
