"""Batches a second of `sr_train.PairDataset` beside the trainers' own feed, from one store.

    python -m benchmarks.dataset degrade.zarr --crop 128 --batch 16

The feed makes batches in a thread ahead of the steps, as training does; the dataset goes through a
`DataLoader`, by whole batches and by single crops, without and with worker processes. Series of all
take turns; the fastest of each counts.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch.utils.data import DataLoader

from degrade.api.store import open_store
from sr_train import PairDataset
from sr_train.data.training_data import training_data
from sr_train.settings.psnr import PsnrSettings
from sr_train.training.loop import prefetched

SERIES = 8


def main() -> None:
    """Time all ways and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=100, help="batches of a series")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    ways = _ways(options.store, options.crop, options.batch, options.steps, options.workers)
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(SERIES):
        for name, way in ways.items():
            best[name] = min(best[name], _seconds(way) / options.steps)
    feed = best["the trainers' feed"]
    for name, seconds in best.items():
        print(f"{name:42} {1 / seconds:8.1f} batches/s, {feed / seconds:.2f} of the feed")


def _ways(
    address: str, crop: int, batch: int, steps: int, workers: int
) -> dict[str, Callable[[], Iterable[object]]]:
    whole = PairDataset(address, crop=crop, batch=batch, length=steps)
    single = PairDataset(address, crop=crop, length=steps * batch)
    many = {"num_workers": workers, "persistent_workers": True}
    loaders = {
        "dataset, whole batches": DataLoader(whole, None),
        "dataset, single crops": DataLoader(single, batch),
        f"dataset, whole batches, {workers} workers": DataLoader(whole, None, **many),
        f"dataset, single crops, {workers} workers": DataLoader(single, batch, **many),
    }
    feed = partial(_feed, address, crop, batch, steps)
    return {"the trainers' feed": feed} | {
        name: partial(iter, loader) for name, loader in loaders.items()
    }


def _feed(address: str, crop: int, batch: int, steps: int) -> Iterable[object]:
    opened = open_store(address)
    store, scale = opened.stored, opened.the_scale("pairs", None)
    settings = PsnrSettings(crop=crop, batch=batch)
    data = training_data(store.pairs(scale), store.noise(), settings)
    make = partial(data.batch, share=slice(None), device=torch.device("cpu"))
    with prefetched(make, range(steps)) as batches:
        yield from batches


def _seconds(way: Callable[[], Iterable[object]]) -> float:
    """Return the time from the first batch's arrival to the last's, and that of one more."""
    batches = iter(way())
    next(batches)
    began = time.perf_counter()
    count = sum(1 for _ in batches)
    return (time.perf_counter() - began) * (count + 1) / count


if __name__ == "__main__":
    main()
