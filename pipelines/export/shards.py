"""Pairs as files of many pairs each: WebDataset's tar archives and Hugging Face's Parquet."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from degrade.atomic_file import replacing
from pipelines.export.images import PairImages

SHARD_BYTES = 2**27
"""Raw pixels in a shard; its PNG files take less, and that much memory at most."""


def shards(images: PairImages) -> list[range]:
    """Return which of the pairs share a file."""
    pairs = images.pairs
    size = 3 * (pairs.hr.shape[1] ** 2 + pairs.lr.shape[1] ** 2)
    step = max(1, SHARD_BYTES // size)
    every = range(len(images))
    return [every[start : start + step] for start in range(0, len(images), step)]


def write_webdataset(folder: Path, images: PairImages) -> Iterator[int]:
    """Write tar archives of ``NAME.hr.png``, ``NAME.lr.png`` and ``NAME.json``.

    Yields:
        How many pairs were done since the last time.
    """
    names = [f"{images.split}-{number:06d}.tar" for number in range(len(shards(images)))]
    yield from _write(folder, images, names, _write_tar)


def write_parquet(folder: Path, images: PairImages) -> Iterator[int]:
    """Write Parquet files whose columns ``hr`` and ``lr`` `datasets` reads as images.

    Yields:
        How many pairs were done since the last time.
    """
    count = len(shards(images))
    names = [f"{images.split}-{number:05d}-of-{count:05d}.parquet" for number in range(count)]
    yield from _write(folder, images, names, _write_parquet)


def _write(
    folder: Path,
    images: PairImages,
    names: list[str],
    write: Callable[[Path, PairImages, range], None],
) -> Iterator[int]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, shard in zip(names, shards(images), strict=True):
        path = folder / name
        if not path.is_file():
            with replacing(path) as aside:
                write(aside, images, shard)
        yield len(shard)


def _write_tar(path: Path, images: PairImages, shard: range) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number in shard:
            pair = images.image(number)
            record = json.dumps(pair.record, sort_keys=True).encode()
            for suffix, data in (("hr.png", pair.hr), ("lr.png", pair.lr), ("json", record)):
                member = tarfile.TarInfo(f"{pair.name}.{suffix}")  # no times, no owners
                member.size, member.mode = len(data), 0o644
                archive.addfile(member, io.BytesIO(data))


def _write_parquet(path: Path, images: PairImages, shard: range) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    picture = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    texts, numbers = ("photo", "domain"), ("row", "col", "kernel", "noise")
    types: dict[str, Any] = {"hr": picture, "lr": picture}
    types |= {name: pa.string() for name in texts} | {name: pa.int32() for name in numbers}
    features: dict[str, Any] = {name: {"_type": "Image"} for name in ("hr", "lr")}
    features |= {name: {"dtype": "string", "_type": "Value"} for name in texts}
    features |= {name: {"dtype": "int32", "_type": "Value"} for name in numbers}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    schema = pa.schema(types, metadata=metadata)
    step = max(1, len(shard) // 8)
    # PNG bytes do not compress again.
    with parquet.ParquetWriter(path, schema, compression="NONE", use_dictionary=False) as writer:
        for start in range(0, len(shard), step):
            rows = [_row(images, number) for number in shard[start : start + step]]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _row(images: PairImages, number: int) -> dict[str, Any]:
    pair = images.image(number)
    sides = {"hr": pair.hr, "lr": pair.lr}
    return {
        **{side: {"bytes": data, "path": f"{pair.name}.png"} for side, data in sides.items()},
        **pair.record,
    }
