"""CPU time of a store whose folder has grown, beside that of the same store from nothing.

    python -m benchmarks.growing [--photos 1000] [--new 10] [--side 256] [--patch 32] [--tile 64]
        [--kernels estimated] [--folder DIR] [--json]

All stages run one after another in this process (`--workers 0`) on simulated photos, the new ones
spread among the others by their names. Files are compared at the end: none may differ.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks.memory import write_photos
from degrade.kernels.estimator_settings import SpectralSettings
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from pipelines.execution.cluster import Client, connect
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.estimate_kernels import estimate_kernels
from pipelines.stages.mine_noise import mine_noise


def stages(
    store: Path, photos: Path, client: Client, options: argparse.Namespace
) -> Iterator[tuple[str, float]]:
    """Run every stage; yield its name and its seconds of CPU time."""
    place, again = (str(store), client), {"overwrite": True}
    noise = NoiseSettings(patch=options.patch)
    pairs = PairSettings(scale=2, tile=options.tile, kernels=options.kernels)
    work: dict[str, Any] = {
        "check": lambda: check_photos(*place, source=photos, **again),
        "estimate-kernels": lambda: estimate_kernels(*place, SpectralSettings(scale=2), **again),
        "mine-noise": lambda: mine_noise(*place, noise, **again),
        "build-pairs": lambda: build_pairs(*place, pairs, **again),
    }
    for name, run in work.items():
        began = process_time()
        run()
        yield name, process_time() - began


def differing(one: Path, other: Path) -> list[str]:
    """Return the files that two folders do not have alike."""
    names = {path.relative_to(top) for top in (one, other) for path in top.rglob("*.*")}
    names |= {path.relative_to(top) for top in (one, other) for path in top.rglob("c/**/[0-9]*")}
    files = sorted(name for name in names if (one / name).is_file() or (other / name).is_file())
    return [str(name) for name in files if _bytes(one / name) != _bytes(other / name)]


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--new", type=int, default=10)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--patch", type=int, default=32)
    parser.add_argument("--tile", type=int, default=64)
    parser.add_argument("--kernels", choices=("estimated", "bicubic"), default="estimated")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name, connect() as client:
        top = Path(name)
        write_photos(top / "all", options.photos + options.new, options.side)
        every = sorted((top / "all").iterdir())
        (top / "some").mkdir()
        new = set(every[:: len(every) // options.new][: options.new])
        for path in every:
            if path not in new:
                shutil.copy(path, top / "some")
        run = (client, options)
        dict(stages(top / "grown", top / "some", *run))
        grown = dict(stages(top / "grown", top / "all", *run))
        whole = dict(stages(top / "whole", top / "all", *run))
        wrong = differing(top / "grown", top / "whole")
    found = {
        "photos": options.photos,
        "new": len(new),
        "from nothing": {**whole, "all": sum(whole.values())},
        "grown": {**grown, "all": sum(grown.values())},
        "share": sum(grown.values()) / sum(whole.values()),
        "files that differ": wrong,
    }
    if options.json:
        print(json.dumps(found))
        return
    print(f"{options.photos} photos and {len(new)} more, s of CPU; {len(wrong)} files differ")
    for stage in found["from nothing"]:
        both = found["grown"][stage], found["from nothing"][stage]
        print(f"{stage:17} {both[0]:8.2f} of {both[1]:8.2f}, {both[0] / both[1]:.1%}")


if __name__ == "__main__":
    main()
