"""Upscale image files: what is written where, what is refused, and going on after a stop."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image as Pillow

from degrade.arrays import Image
from degrade.errors import DegradeError, ImageRefused, NothingToDo, SettingsError
from degrade.images.decode import DEFAULT_POLICY, DecodePolicy, decode
from degrade.images.files import find_files
from degrade.images.png import png_strips
from degrade.images.write import WRITABLE, check_size, write_image
from sr_train.networks.reference_generator import ReferenceGenerator
from sr_train.reference_files import (
    ReferenceFolder,
    WithReferences,
    read_reference,
    stacked,
)
from sr_train.upscaling import DEFAULT_TILING, Tiling, Upscaler, upscale_strips

MARK = "degrade-upscale"
"""Keyword of the text in our PNG files that tells how and from what they were made."""


@dataclass(frozen=True)
class Making:
    """How SR images are made."""

    network: Upscaler | ReferenceGenerator
    """On ``device``, in evaluation mode."""
    identity: str
    """Tells the network from others: the hash of its weights' file."""
    tiling: Tiling = DEFAULT_TILING
    device: str | torch.device = "cpu"
    bf16: bool = False
    policy: DecodePolicy = DEFAULT_POLICY
    """What to do with images that are not 8-bit RGB."""
    references: ReferenceFolder | None = None
    """Where each image's references are, for networks that take some."""

    @property
    def digest(self) -> str:
        """Hash of all that decides the pixels, but the image."""
        parts = [self.identity, asdict(self.tiling), self.bf16, self.policy.model_dump()]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Upscaled:
    """What became of the files."""

    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    """Outputs that were there already, made the same way from the same image."""
    refused: tuple[ImageRefused, ...]


def upscale_files(
    making: Making,
    source: Path,
    out: Path,
    overwrite: bool = False,
    done: Callable[[Path], None] = lambda path: None,
) -> Upscaled:
    """Upscale a file, or every image of a folder; files that cannot be read are left and reported.

    Outputs are 8-bit sRGB without EXIF or ICC data, upright. A PNG file tells in its text chunk how
    it was made: those that would come out the same are left, so a stopped run goes on.

    Args:
        making: How.
        source: A file or a folder.
        out: A folder, which gets ``<stem>.png`` in the same subfolders; or, for one file, a file
            with a suffix of `WRITABLE`.
        overwrite: Replace files that were made otherwise.
        done: Called with each path after it was dealt with.

    Raises:
        NothingToDo: No image at ``source``.
        DegradeError: An output would replace an input, another output, or a file made otherwise;
            lies among the inputs, has no known format, or cannot be written.
    """
    if isinstance(making.network, ReferenceGenerator) != (making.references is not None):
        raise SettingsError(_unfitting(making))
    jobs, outside = _plan(source, out)
    if not overwrite:
        _check_existing(jobs.values(), making.digest)
    written: list[Path] = []
    kept: list[Path] = []
    refused = [ImageRefused(name, "leads out of the folder (copy it there)") for name in outside]
    for path, target in jobs.items():
        try:
            name = path.relative_to(source) if source.is_dir() else Path(path.name)
            made = _upscale_file(making, path, PurePosixPath(name.as_posix()), target)
        except ImageRefused as reason:
            refused.append(reason)
        else:
            (written if made else kept).append(target)
        done(path)
    return Upscaled(tuple(written), tuple(kept), tuple(refused))


def _unfitting(making: Making) -> str:
    network = type(making.network).__name__
    if making.references is None:
        return f"{network} takes references: name their folder with --references"
    return f"{network} takes no references: leave --references out"


def _upscale_file(making: Making, path: Path, name: PurePosixPath, target: Path) -> bool:
    """Make one output; False if it was there already."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageRefused(path, f"cannot be read ({error.strerror or error})") from error
    network, given = _network_for(making, name)
    mark = f"{making.digest} {hashlib.sha256(data + given).hexdigest()}"
    if _mark(target) == mark:
        return False
    _write(making, network, decode(data, str(path), making.policy), target, mark)
    return True


def _network_for(making: Making, name: PurePosixPath) -> tuple[Upscaler, bytes]:
    """Return the network with an image's references, and these as bytes."""
    if not isinstance(making.network, ReferenceGenerator):
        return making.network, b""
    assert making.references is not None
    read = [read_reference(path, making.policy) for path in making.references.of(name)]
    pictures = stacked([picture for _, picture in read])
    return WithReferences(making.network, pictures), b"".join(data for data, _ in read)


def _write(making: Making, network: Upscaler, lr: Image, target: Path, mark: str) -> None:
    height, width = (side * network.scale for side in lr.shape[:2])
    check_size(target, height, width)
    strips = upscale_strips(network, lr, making.tiling, making.device, making.bf16)
    if target.suffix.lower() != ".png":
        write_image(target, np.concatenate(list(strips)))
        return
    with png_strips(target, height, width, {MARK: mark}) as put:
        for strip in strips:
            put(strip)


def _mark(target: Path) -> str:
    """Return how an existing output was made; "" if it is absent or does not say."""
    if target.suffix.lower() != ".png" or not target.is_file():
        return ""
    try:
        with Pillow.open(target, formats=["PNG"]) as image:
            return str(image.info.get(MARK, ""))
    except (OSError, ValueError, SyntaxError):
        return ""


def _check_existing(targets: Iterable[Path], digest: str) -> None:
    for target in targets:
        if target.exists() and _mark(target).partition(" ")[0] != digest:
            raise DegradeError(
                f"{target}: is there already and was made otherwise; give another output, or "
                "replace it with --overwrite"
            )


def _plan(source: Path, out: Path) -> tuple[dict[Path, Path], tuple[str, ...]]:
    """Return input -> output, checked, and the links that lead out of the folder."""
    outside: tuple[str, ...] = ()
    if source.is_dir():
        listing = find_files(source)
        outside = listing.outside
        _check_folder(out)
        jobs = {source / name: out / Path(name).with_suffix(".png") for name in listing.images}
    elif source.is_file():
        jobs = {source: _target(source, out)}
    else:
        raise NothingToDo(f"{source}: no such file or folder; give an image or a folder of images")
    if not jobs:
        raise NothingToDo(f"{source}: holds no images; give a folder with png, jpg, tif, ...")
    _check_targets(jobs)
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise DegradeError(
            f"{out}: lies in {source}, so that the next run would upscale its images again; "
            "give a folder outside"
        )
    return jobs, outside


def _check_folder(out: Path) -> None:
    if out.suffix.lower() in WRITABLE and not out.is_dir():
        raise DegradeError(f"{out}: a folder of images needs a folder; give one without suffix")


def _target(source: Path, out: Path) -> Path:
    if out.is_dir() or not out.suffix:
        return out / f"{source.stem}.png"
    if out.suffix.lower() not in WRITABLE:
        raise DegradeError(
            f"{out}: {out.suffix} cannot be written; give {', '.join(WRITABLE)}, or a folder"
        )
    return out


def _check_targets(jobs: dict[Path, Path]) -> None:
    inputs = {path.resolve() for path in jobs}
    origin: dict[Path, Path] = {}
    for path, target in jobs.items():
        if target.resolve() in inputs:
            raise DegradeError(f"{target}: would replace an input; give another output folder")
        if target in origin:
            raise DegradeError(
                f"{target}: {origin[target].name} and {path.name} would both be written there; "
                "rename one"
            )
        origin[target] = path
