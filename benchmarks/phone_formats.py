"""Cost of reading HEIC, AVIF, JPEG XL and raw files beside their bare decoders.

    python -m benchmarks.phone_formats [--megapixels 3] [--rounds 9] [--json]

Simulated photos of each kind whose extra is installed; medians of CPU time on one core, both ways
in turns. A bare decoder gives an array of the file's own depth: RGB of 8 bits, or 16 of deep files,
whose colours are neither marked nor converted; what ours does beyond (finding out what the file is,
its notes, colours, turning) is in its time.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from io import BytesIO
from statistics import median
from time import process_time

import cv2
import numpy as np
from PIL import Image as Pillow

from benchmarks.pipeline import jpeg
from degrade.arrays import Image
from degrade.images.decode import decode
from degrade.images.formats import HEIC, JXL, RAW
from tests.degrade.images.phone_files import deep_avif, deep_heic, dng, heic, jxl

Bare = Callable[[bytes], Image]


def by_pillow(data: bytes) -> Image:
    """Decode with Pillow, or the plugin that the file's kind has."""
    return np.asarray(Pillow.open(BytesIO(data)).convert("RGB"))


def by_opencv(data: bytes) -> Image:
    """Decode deep AVIF, which Pillow would give in 8 bits."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB))


def by_heif(data: bytes) -> Image:
    """Decode deep HEIC in 16 bits."""
    import pillow_heif

    return np.asarray(pillow_heif.open_heif(data, convert_hdr_to_8bit=False))


def by_libraw(data: bytes) -> Image:
    """Develop with LibRaw as ours does."""
    import rawpy

    from degrade.images.raw import _recipe

    with rawpy.imread(BytesIO(data)) as raw:
        return np.asarray(raw.postprocess(**_recipe(rawpy)))


def files(megapixels: float) -> Iterator[tuple[str, bytes, Bare]]:
    """Yield a file of each kind that can be read here, and its bare decoder."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5) // 16 * 16
    width = height * 4 // 3
    pixels = by_pillow(jpeg(0, height, width))
    deep = pixels.astype(np.uint16) * 257
    avif = BytesIO()
    Pillow.fromarray(pixels).save(avif, "AVIF", quality=90)
    yield "AVIF", avif.getvalue(), by_pillow
    yield "AVIF, 10 bits", deep_avif(deep), by_opencv
    if HEIC.is_there():
        yield "HEIC", heic(pixels), by_pillow
        yield "HEIC, 10 bits", deep_heic(deep), by_heif
    if JXL.is_there():
        yield "JPEG XL", jxl(pixels), by_pillow
    if RAW.is_there():
        yield "raw", dng(deep[..., 1]), by_libraw


def seconds(work: Callable[[bytes], object], data: bytes) -> float:
    """Return the CPU time of decoding a file."""
    began = process_time()
    work(data)
    return process_time() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    found = {}
    for name, data, bare in files(options.megapixels):
        times = [
            (seconds(lambda d: decode(d, "photo"), data), seconds(bare, data))
            for _ in range(options.rounds + 1)
        ][1:]
        ours, theirs = (1e3 * median(column) for column in zip(*times, strict=True))
        found[name] = {"ours_ms": ours, "bare_ms": theirs, "ratio": ours / theirs}
    if options.json:
        print(json.dumps(found))
        return
    for name, row in found.items():
        print(f"{name:14} {row['ours_ms']:8.0f} ms, bare {row['bare_ms']:8.0f}: {row['ratio']:.2f}")


if __name__ == "__main__":
    main()
