"""How a photo's file was compressed: read from a JPEG's header, or from traces in its pixels."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import JpegImagePlugin

from degrade.arrays import F32, Image
from degrade.camera.camera_samples import JpegCompression
from degrade.images.colour import luma, to_uint8
from degrade.kernels.compression import LOWEST, quantisation_step

_SUBSAMPLING = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}
QUALITIES = range(95, 4, -1)


def read_compression(path: Path) -> JpegCompression | None:
    """Return the tables and subsampling of a JPEG file; None of any other.

    Only the header is read. A kind of subsampling that is not simulated counts as 4:2:0, and a gray
    file's table as that of chroma, too.
    """
    try:
        with Pillow.open(path, formats=["JPEG"]) as image:
            return _of_header(image)
    except (OSError, SyntaxError):
        return None


def standard_compression(quality: int, subsampling: str = "4:2:0") -> JpegCompression:
    """Return what the IJG's library compresses with at a quality of 1 to 100."""
    file = BytesIO()
    Pillow.new("RGB", (16, 16)).save(file, "JPEG", quality=quality)
    with Pillow.open(file) as image:
        return JpegCompression(_of_header(image).tables, subsampling)


def traced_quality(photo: Image) -> int | None:
    """Return the quality that coarse steps in a photo's pixels show it was once compressed at.

    None where there are none to be seen; qualities above about 90 leave too fine ones.
    """
    grey = np.asarray(luma(to_uint8(photo)), np.float32)
    step = quantisation_step(grey)
    if not step:
        return None
    rows, columns = zip(*LOWEST, strict=True)
    steps = {q: np.median(standard_compression(q).tables[0][rows, columns]) for q in QUALITIES}
    return min(steps, key=lambda quality: abs(steps[quality] - step))


def _of_header(image: Pillow.Image) -> JpegCompression:
    assert isinstance(image, JpegImagePlugin.JpegImageFile)
    tables = [image.quantization[number] for number in sorted(image.quantization)]
    both: F32 = np.array([tables[0], tables[min(1, len(tables) - 1)]], np.float32).reshape(2, 8, 8)
    kind = JpegImagePlugin.get_sampling(image)
    return JpegCompression(np.maximum(both, 1), _SUBSAMPLING.get(kind, "4:2:0"))
