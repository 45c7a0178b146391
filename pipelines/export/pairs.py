"""Export a store's pairs in another program's format, resumed where a killed run stopped."""

import csv
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from degrade.atomic_file import replacing
from degrade.errors import SettingsError
from degrade.store.reader import open_store
from pipelines.execution.progress import track
from pipelines.export.basicsr import basicsr_config, check_basicsr, write_basicsr
from pipelines.export.export_folder import exporting
from pipelines.export.images import PairImages, split_images
from pipelines.export.lmdb_file import write_lmdb
from pipelines.export.png_folders import write_folders
from pipelines.export.shards import write_parquet, write_webdataset

Format = Literal["folders", "lmdb", "webdataset", "parquet"]
Writer = Callable[[Path, PairImages], Iterator[int]]

_PACKAGES = {"lmdb": "lmdb", "parquet": "pyarrow"}
_TABLE = "pairs.csv"


@dataclass(frozen=True)
class PairsExport:
    """How many pairs of each split were exported."""

    train: int
    valid: int


def export_pairs(
    location: str,
    folder: Path,
    scale: int,
    form: Format,
    *,
    split: Literal["train", "valid", "all"] = "all",
    noise: bool = False,
    seed: int = 0,
    basicsr: bool = False,
    overwrite: bool = False,
) -> PairsExport:
    """Write pairs into ``folder/train`` and ``folder/valid``; the same pairs give the same bytes.

    Args:
        location: The store.
        folder: Absent, empty, or of an export: the same one goes on.
        scale: Of the pairs.
        form: How to write them.
        split: Which of them.
        noise: Bake mined noise into LR, one draw a pair; else LR is as it is stored.
        seed: Of the noise draws.
        basicsr: Write a training configuration for BasicSR, too.
        overwrite: Replace another export that is in ``folder``.

    Raises:
        DegradeError: The folder cannot be written.
        NothingToDo: No pair is in the split.
        SettingsError: The folder holds something else, or an option does not fit.
        StoreError: There are no pairs, or no noise.
    """
    package = _PACKAGES.get(form, "tarfile")
    if importlib.util.find_spec(package) is None:
        raise SettingsError(f'--format {form}: needs `pip install "degrade[{form}]"`')
    store = open_store(location)
    splits = split_images(store, scale, split, noise=noise, seed=seed)
    pairs = splits[0].pairs
    if basicsr:
        check_basicsr(scale, pairs.tile, form)
        basicsr_config(folder, splits, form)
    bank = splits[0].bank
    identity = {
        "format": form,
        "scale": scale,
        "split": split,
        "pairs": pairs.content,
        "noise": {"bank": bank.bank.content, "seed": seed} if bank else None,
        "config": "basicsr" if basicsr else None,
    }
    writers: dict[Format, Writer] = {
        "folders": write_folders,
        "lmdb": write_lmdb,
        "webdataset": write_webdataset,
        "parquet": write_parquet,
    }
    with exporting(folder, identity, overwrite=overwrite) as needed:
        if needed:
            _write(folder, splits, writers[form])
            if form in ("folders", "lmdb"):
                for images in splits:
                    _write_table(folder / images.split / _TABLE, images)
            if basicsr:
                write_basicsr(folder, splits, form)
    counts = {images.split: len(images) for images in splits}
    return PairsExport(counts.get("train", 0), counts.get("valid", 0))


def _write(folder: Path, splits: list[PairImages], write: Writer) -> None:
    with track("export", sum(map(len, splits)), "pairs") as counter:
        for images in splits:
            for count in write(folder / images.split, images):
                counter.advance(count)


def _write_table(path: Path, images: PairImages) -> None:
    """Write where every pair comes from; the other formats say so in themselves."""
    with replacing(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["name", *images.record(0)])
        for number, name in enumerate(images.names()):
            table.writerow([name, *images.record(number).values()])
