"""Write images so that a reader never meets half a file."""

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from degrade.arrays import U8
from degrade.errors import DegradeError
from degrade.whole_file import replacing


def write_png(path: Path, rgb: U8) -> None:
    """Write uint8 HWC RGB as a PNG file that is whole or absent; its folder is made if need be.

    Raises:
        DegradeError: The array is not uint8 [H, W, 3], or the file cannot be written.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise DegradeError(
            f"{path}: array is {rgb.dtype} {list(rgb.shape)}; give uint8 [H, W, 3] (see to_uint8)"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside:
            Pillow.fromarray(np.ascontiguousarray(rgb)).save(aside, format="PNG")
    except OSError as error:
        raise DegradeError(
            f"{path}: cannot be written ({error.strerror or error}); check folder, rights and space"
        ) from error
