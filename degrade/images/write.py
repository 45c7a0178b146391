"""Write images so that a reader never meets half a file."""

import uuid
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from degrade.arrays import U8
from degrade.errors import DegradeError


def write_png(path: Path, rgb: U8) -> None:
    """Write uint8 HWC RGB as PNG: beside ``path`` first, then renamed onto it.

    Raises:
        DegradeError: The array is not uint8 [H, W, 3], or the file cannot be written.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise DegradeError(
            f"{path}: array is {rgb.dtype} {list(rgb.shape)}; give uint8 [H, W, 3] (see to_uint8)"
        )
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with aside.open("xb") as file:
            Pillow.fromarray(np.ascontiguousarray(rgb)).save(file, format="PNG")
        aside.replace(path)
    except OSError as error:
        raise DegradeError(
            f"{path}: cannot be written ({error.strerror or error}); check folder, rights and space"
        ) from error
    finally:
        aside.unlink(missing_ok=True)
