"""Pairs as two LMDB databases of PNG files in BasicSR's layout: HR.lmdb and LR.lmdb."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from degrade.errors import DegradeError
from pipelines.export.images import PairImages
from pipelines.export.png_folders import META, write_lines

COMMIT = 256
"""Pairs a transaction; what is committed is kept when a run is killed."""
_PAGE = 4096
PNG_LEVEL = 6


def write_lmdb(folder: Path, images: PairImages) -> Iterator[int]:
    """Write ``HR.lmdb`` and ``LR.lmdb``, each with meta_info.txt, which comes last.

    Keys are names without suffix, ascending; databases that were begun go on.

    Yields:
        How many pairs were done since the last time.

    Raises:
        DegradeError: LMDB cannot write.
    """
    hr, lr = images.pairs.hr.shape[1], images.pairs.lr.shape[1]
    yield from _write(folder / "HR.lmdb", images, images.hr, hr, 1)
    yield from _write(folder / "LR.lmdb", images, images.lr, lr, 0)


def _write(
    folder: Path, images: PairImages, encode: Callable[[int], bytes], side: int, counts: int
) -> Iterator[int]:
    import lmdb

    folder.mkdir(parents=True, exist_ok=True)
    # PNG exceeds raw bytes by filter bytes and headers; LMDB rounds up to pages.
    room = len(images) * (side * (3 * side + 1) * 1.01 + 4 * _PAGE) + COMMIT * _PAGE * 64
    done = 0
    try:
        while done < len(images):
            # Opened anew for each transaction: which pages LMDB uses again then follows from the
            # file alone, so that a resumed run writes the same bytes. Without a lock file, which
            # would hold process numbers; exporting() has the folder.
            with lmdb.open(str(folder), map_size=int(room), lock=False) as env:
                last = _append(env, images, encode)
            yield (last - done) * counts
            done = last
    except lmdb.Error as error:
        raise DegradeError(
            f"{folder}: cannot be written ({error}); make room, then run the same command again"
        ) from error
    lines = (f"{name}.png ({side},{side},3) {PNG_LEVEL}" for name in images.names())
    write_lines(folder / META, lines)


def _append(env: Any, images: PairImages, encode: Callable[[int], bytes]) -> int:
    """Add the next pairs in one transaction and return how many are there."""
    first: int = env.stat()["entries"]
    last = min(first + COMMIT, len(images))
    with env.begin(write=True) as transaction:
        for number in range(first, last):
            name = images.name(number).encode("ascii")
            transaction.put(name, encode(number), append=True)
    return last
