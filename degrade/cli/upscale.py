"""`degrade upscale`: a trained network on a file or a folder."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from degrade.cli import options
from sr_train.engines.backends import Backend


def upscale(
    weights: Annotated[Path, typer.Argument(help="Weights of a network (.safetensors or .pth).")],
    source: Annotated[Path, typer.Argument(help="An image or a folder of images.", metavar="IN")],
    out: Annotated[
        Path,
        typer.Argument(
            help="Output folder (gets PNG files), or for one image a file: "
            ".png .jpg .webp .tif .bmp."
        ),
    ],
    references: Annotated[
        Path | None,
        typer.Option(
            help="Folder of references, for SRNTT or TTSR: of NAME.png there NAME.*, NAME_1.*, "
            "NAME_2.* ..., or all images of the folder NAME."
        ),
    ] = None,
    tile: Annotated[
        int, typer.Option(help="LR pixels that each tile contributes, per side.")
    ] = 512,
    overlap: Annotated[
        int | None,
        typer.Option(help="LR pixels read around a tile; left out: as many as give exact pixels."),
    ] = None,
    bf16: Annotated[
        bool,
        typer.Option(
            "--bf16",
            help="Compute in bfloat16; no longer exact.",
        ),
    ] = False,
    gray: Annotated[
        Literal["expand", "refuse"], typer.Option(help="Gray images: taken, or refused.")
    ] = "expand",
    alpha: Annotated[
        Literal["keep", "refuse", "white", "black"],
        typer.Option(help="Alpha channels: enlarged, too, refused, or composed on a colour."),
    ] = "keep",
    sixteen_bit: Annotated[
        Literal["keep", "reduce", "refuse"],
        typer.Option(help="16-bit images: read exactly, reduced to 8 bits first, or refused."),
    ] = "keep",
    cmyk: Annotated[
        Literal["refuse", "convert"], typer.Option(help="CMYK images: refuse or convert.")
    ] = "refuse",
    backend: Annotated[
        Backend,
        typer.Option(
            help="What computes on a CPU; auto: the quickest that is installed, measured once for "
            "each network, if there are more than ten minutes of work."
        ),
    ] = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that were made otherwise.")
    ] = False,
    device: options.Device = "auto",
    json: options.Json = False,
) -> None:
    """Upscale an image or a folder; tiles give the same pixels as the whole image.

    A network with references sees whole images, unless --overlap says how much of them.
    Outputs are upright 8-bit sRGB with the photo's EXIF data; gray images stay gray. Given again,
    the command goes on: PNG files that it would make the same are kept. Files that cannot be read
    are named, the others are upscaled, and the exit status is 1.

    Example: degrade upscale runs/esrgan/weights.safetensors ./photos ./upscaled
    """
    from degrade.errors import DegradeError, NothingToDo
    from degrade.images.decode import DecodePolicy
    from degrade.images.files import find_files
    from pipelines.execution.progress import track
    from sr_train.compute.device import choose_device
    from sr_train.engines.choice import choose
    from sr_train.inference.upscale_files import UpscaleJob, count_pixels, upscale_files
    from sr_train.inference.upscaling import Tiling
    from sr_train.network_files import load_network
    from sr_train.reference.reference_files import open_references
    from sr_train.weights.published import located
    from sr_train.weights.weights_file import file_sha256

    where, weights = choose_device(device), located(weights)
    network = load_network(weights, where)
    behind = "refuse" if alpha == "keep" else alpha
    policy = DecodePolicy(gray=gray, alpha=behind, sixteen_bit=sixteen_bit, cmyk=cmyk)
    folder = open_references(references) if references else None
    tiling = Tiling(tile, overlap)
    keep = alpha == "keep"
    images = len(find_files(source).images) if source.is_dir() else 1
    chosen = choose(network, backend, count_pixels(source), bf16)
    making = UpscaleJob(
        chosen.network, file_sha256(weights), tiling, where, bf16, policy, folder, keep
    )
    with track("upscale", images, "images") as counter:
        done = upscale_files(making, source, out, overwrite, lambda _: counter.advance())
    if not done.written and not done.kept:
        raise NothingToDo(
            f"{source}: no image could be read, the first because it {done.refused[0].reason}"
        )
    there = f", {len(done.kept)} were there already" if done.kept else ""
    lines = [f"{len(done.written)} images written to {out}{there}"]
    if chosen.note or chosen.name != "torch":
        lines.append(f"  computed by {chosen.name}{chosen.note and f' ({chosen.note})'}")
    if (seams := network.tiling_note()) and overlap is None:
        lines.append(f"  note {seams}")
    lines += [options.on_one_line(f"  note {path}: {note}") for path, note in done.notes]
    lines += options.refusals((error.name, error.reason) for error in done.refused)
    lines += done.beside
    report = {
        "backend": chosen.name,
        "written": [str(path) for path in done.written],
        "kept": [str(path) for path in done.kept],
        "refused": [[error.name, error.reason] for error in done.refused],
        "notes": [list(note) for note in done.notes],
    }
    options.answer(report, "\n".join(lines), json)
    if done.refused:
        raise DegradeError(
            f"{source}: {len(done.refused)} of {images} images were refused, the first, "
            f"{done.refused[0].name}, because it {done.refused[0].reason}"
        )
