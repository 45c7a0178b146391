"""`degrade upscale`: a trained network on a file or a folder."""

from pathlib import Path
from typing import Annotated

import typer

from degrade.cli import options


def upscale(
    weights: Annotated[Path, typer.Argument(help="Weights of a network (.safetensors or .pth).")],
    source: Annotated[Path, typer.Argument(help="An image or a folder of images.", metavar="IN")],
    out: Annotated[Path, typer.Argument(help="Output folder, or a .png for one image.")],
    tile: Annotated[
        int, typer.Option(help="LR pixels that each tile contributes, per side.")
    ] = 512,
    overlap: Annotated[
        int | None,
        typer.Option(help="LR pixels read around a tile; left out: as many as give exact pixels."),
    ] = None,
    device: options.Device = "auto",
    json: options.Json = False,
) -> None:
    """Upscale an image or a folder; tiles give the same pixels as the whole image.

    Example: degrade upscale runs/esrgan/weights.safetensors ./photos ./upscaled
    """
    from degrade.errors import NothingToDo
    from degrade.images.files import find_files
    from pipelines.progress import track
    from sr_train.parts.device import choose_device
    from sr_train.upscale import Tiling, upscale_files
    from sr_train.weights import load_network

    where = choose_device(device)
    network = load_network(weights, where)
    images = len(find_files(source).images) if source.is_dir() else 1
    with track("upscale", images, "images") as counter:
        done = upscale_files(
            network, source, out, Tiling(tile, overlap), where, done=lambda _: counter.advance()
        )
    lines = [f"{len(done.written)} images written to {out}"]
    lines += options.refusals((error.name, error.reason) for error in done.refused)
    report = {
        "written": [str(path) for path in done.written],
        "refused": [[error.name, error.reason] for error in done.refused],
    }
    if not done.written:
        raise NothingToDo(
            f"{source}: no image could be read, the first because it {done.refused[0].reason}"
        )
    options.answer(report, "\n".join(lines), json)
