"""Pairs as folders HR and LR of PNG files, with the list of names that BasicSR reads."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from degrade.atomic_file import replacing
from pipelines.export.images import PairImages

META = "meta_info.txt"


def write_folders(folder: Path, images: PairImages) -> Iterator[int]:
    """Write ``HR``, ``LR`` and meta_info.txt, which comes last; files that are there are kept.

    Yields:
        1 for every pair done.
    """
    sides: tuple[tuple[str, Callable[[int], bytes]], ...] = (("HR", images.hr), ("LR", images.lr))
    for side, _ in sides:
        (folder / side).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(images.names()):
        for side, encode in sides:
            write_whole(folder / side / f"{name}.png", partial(encode, number))
        yield 1
    tile = images.pairs.tile
    write_lines(folder / META, (f"{name}.png ({tile},{tile},3)" for name in images.names()))


def write_whole(path: Path, make: Callable[[], bytes]) -> None:
    """Write a file, whole or absent, unless it is there."""
    if not path.is_file():
        with replacing(path) as aside:
            aside.write_bytes(make())


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file, whole or absent."""
    with replacing(path) as aside, aside.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
