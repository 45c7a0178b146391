"""Photos that tests make: shapes with edges, smooth places, and noise, all from a seed."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from degrade.images.write import write_png


def make_photo(seed: int, height: int = 128, width: int = 160) -> npt.NDArray[np.uint8]:
    """Return an RGB photo: rectangles and discs on the left, a noisy grey ramp on the right."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 0.5, np.float32)
    for _ in range(60):
        colour = tuple(float(c) for c in rng.uniform(0, 1, 3))
        x, y = int(rng.integers(width // 2)), int(rng.integers(height))
        if rng.random() < 0.5:
            far = (x + int(rng.integers(4, 20)), y + int(rng.integers(4, 20)))
            cv2.rectangle(picture, (x, y), far, colour, -1)
        else:
            cv2.circle(picture, (x, y), int(rng.integers(2, 12)), colour, -1)
    picture[:, width // 2 :] = np.linspace(0.49, 0.51, width - width // 2)[None, :, None]
    picture = cv2.GaussianBlur(picture, (0, 0), 0.8)
    grain = rng.normal(0, 2.5 / 255, picture.shape)
    return np.clip((picture + grain) * 255 + 0.5, 0, 255).astype(np.uint8)


def write_photos(folder: Path, count: int, height: int = 128, width: int = 160) -> Path:
    """Write ``count`` photos as PNG files into a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        write_png(folder / f"photo {index}.png", make_photo(index, height, width))
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of every file of a folder, hidden ones too, by relative path.

    Two folders that differ then fail with the names of what differs, not with all their bytes.
    """
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): digest(path.read_bytes()) for path in files}


def digest(data: bytes) -> str:
    """Return what stands for a file's bytes."""
    return f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()[:16]}"


def is_mapped(array: npt.NDArray[np.uint8]) -> bool:
    """Return whether an array is a view of a mapped file."""
    base: object = array
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    return isinstance(base, np.memmap)
