"""Cost of a photo's scores beside decoding it, and of a tile's.

    python -m benchmarks.scores [FILE] [--rounds 61] [--json]

FILE is a JPEG; without one, a photo of 3 megapixels is made as in `benchmarks.pipeline`. Medians of
interleaved rounds on one core. The sample of pixels is taken for the thumbnail anyway.
"""

import argparse
import json
from pathlib import Path
from statistics import median
from time import perf_counter

import cv2

from benchmarks.pipeline import jpeg
from degrade.images.decode import decode
from degrade.images.scores import OF_TILE, sampled, scores_of

TILE = 256


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=61)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    data = options.file.read_bytes() if options.file else jpeg(0, 1536, 2048)
    decoding, scoring, of_tile = [], [], []
    for _ in range(options.rounds):
        began = perf_counter()
        pixels = decode(data, "photo")
        decoded = perf_counter()
        sample = sampled(pixels)
        ready = perf_counter()
        scores_of(pixels, sample)
        scored = perf_counter()
        scores_of(pixels[:TILE, :TILE], most=OF_TILE)
        decoding.append(decoded - began)
        scoring.append(scored - ready)
        of_tile.append(perf_counter() - scored)
    found = {
        "megapixels": pixels.shape[0] * pixels.shape[1] / 1e6,
        "decoding_ms": 1e3 * median(decoding),
        "scores_ms": 1e3 * median(scoring),
        "ratio": median(scoring) / median(decoding),
        "tile_ms": 1e3 * median(of_tile),
    }
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:12} {value:.3f}")


if __name__ == "__main__":
    main()
