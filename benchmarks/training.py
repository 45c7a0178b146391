"""ESRGAN's GAN step here against a textbook float32 loop on PNG files, and the rate of crops.

    python -m benchmarks.training                    # CPU: batch 4 at HR 128, RRDBNet of 23 blocks
    python -m benchmarks.training --device cuda --batch 16

The perceptual loss has seeded random VGG19 weights, which cost what trained ones do. Each side runs
in a process of its own, so that peak memory is its own; their steps alternate.
"""

import argparse
import copy
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from degrade.randomness import stream
from degrade.store.cache import LocalChunks
from degrade.store.contents import Pairs
from degrade.store.tiles import TileArray
from sr_train.compute.device import precision, to_device
from sr_train.data.batch import Batch
from sr_train.data.crops import crops_of
from sr_train.data.training_data import training_data
from sr_train.losses.perceptual import FrozenNetworks
from sr_train.methods import METHODS
from sr_train.networks.patchgan import PatchDiscriminator
from sr_train.networks.rrdbnet import RRDBNet
from sr_train.networks.vgg19 import random_vgg19
from sr_train.settings.esrgan import EsrganSettings
from sr_train.training.loop import prefetched
from sr_train.training.optimisers import update_average

SCALE, CROP, TILE, COUNT, PER_CHUNK = 4, 128, 256, 32, 8
LAYERS = {"conv5_4": 1.0}


def write_inputs(folder: Path) -> None:
    """Write the same tiles as raw chunks, as the store has them, and as PNG files."""
    rng = stream(0, "benchmark-tiles")
    for part, side in (("hr", TILE), ("lr", TILE // SCALE)):
        coarse = rng.integers(0, 256, (COUNT, 3, 16, 16)).astype(np.float32)
        smooth = F.interpolate(torch.from_numpy(coarse), size=side, mode="bicubic")
        noisy = smooth.permute(0, 2, 3, 1).numpy() + rng.normal(0, 4, (COUNT, side, side, 3))
        tiles = noisy.clip(0, 255).astype(np.uint8)
        for chunk in range(COUNT // PER_CHUNK):
            path = LocalChunks(folder / "store" / part).path(chunk)
            path.parent.mkdir(parents=True)
            tiles[chunk * PER_CHUNK : (chunk + 1) * PER_CHUNK].tofile(path)
        (folder / part).mkdir()
        for index, tile in enumerate(tiles):
            Image.fromarray(tile).save(folder / part / f"{index}.png")


def open_pairs(folder: Path) -> Pairs:
    """Return the tiles as a store's pairs."""
    arrays = {
        part: TileArray((COUNT, side, side, 3), PER_CHUNK, LocalChunks(folder / "store" / part))
        for part, side in (("hr", TILE), ("lr", TILE // SCALE))
    }
    numbers = np.zeros(COUNT, np.int32)
    columns = dict.fromkeys(("source", "row", "col", "kernel"), numbers)
    words = {"domain": np.array(["source"] * COUNT), "split": np.array(["train"] * COUNT)}
    noise = numbers - 1
    return Pairs(scale=SCALE, **arrays, **columns, **words, noise=noise, content="benchmark")


class Ours:
    """The GAN stage as `degrade train esrgan` runs it."""

    def __init__(self, folder: Path, options: dict[str, Any]) -> None:
        threads = options["threads"] or torch.get_num_threads()
        torch.set_num_threads(threads)
        fields = {name: options[name] for name in ("batch", "device", "precision", "compile")}
        network = {"blocks": options["blocks"]}
        self._settings = EsrganSettings(network=network, noise=False, crop=CROP, **fields)
        self._device = torch.device(options["device"])
        generator = to_device(RRDBNet(SCALE, blocks=options["blocks"]), self._device)
        frozen = FrozenNetworks(random_vgg19(list(LAYERS), 0)).ready(self._settings, self._device)
        self._stage = METHODS["esrgan"].stages["gan"](self._settings, generator, frozen)
        if options["compile"]:
            for block in generator.body:
                block.compile()
        data = training_data(open_pairs(folder), None, self._settings)
        self._done = 0
        opened = prefetched(lambda n: data.batch(n, slice(None), self._device), range(10**6))
        self._open, self._batches = opened, opened.__enter__()

    def next_batch(self) -> Batch:
        """Return what the thread has ready."""
        return next(self._batches)

    def step(self, batch: Batch) -> None:
        """Do one step of both networks and of the average."""
        with precision(self._settings.precision, self._device):
            losses = self._stage.step(batch)
        update_average(self._stage.average, self._stage.live, self._settings.ema, self._done)
        self._done += 1
        float(losses["pixel"])

    def peak_bytes(self) -> int:
        """Return the peak of the GPU's memory; 0 on a CPU."""
        return torch.cuda.max_memory_allocated() if self._device.type == "cuda" else 0


class Textbook:
    """The same losses written out: float32, channels first, PNG files decoded in the loop."""

    def __init__(self, folder: Path, options: dict[str, Any]) -> None:
        torch.set_num_threads(options["threads"] or torch.get_num_threads())
        self._folder, self._batch = folder, options["batch"]
        self._device = torch.device(options["device"])
        self._rng = np.random.default_rng(0)
        self._g = RRDBNet(SCALE, blocks=options["blocks"]).to(self._device)
        self._d = PatchDiscriminator().to(self._device)
        self._average = copy.deepcopy(self._g).requires_grad_(False)
        self._vgg = random_vgg19(list(LAYERS), 0).to(self._device)
        self._adam_g = torch.optim.Adam(self._g.parameters(), 1e-4, (0.9, 0.999))
        self._adam_d = torch.optim.Adam(self._d.parameters(), 1e-4, (0.9, 0.999))

    def next_batch(self) -> Batch:
        """Decode, crop and flip one file pair per crop."""
        pairs = [read_png_pair(self._folder, self._rng) for _ in range(self._batch)]
        lr, hr = (torch.stack(images).to(self._device) for images in zip(*pairs, strict=True))
        return Batch(lr, hr)

    def step(self, batch: Batch) -> None:
        """Update the generator, then the discriminator, then the average."""
        bce, hr = nn.functional.binary_cross_entropy_with_logits, batch.hr
        self._d.requires_grad_(False)
        sr = self._g(batch.lr)
        real, fake = self._d(hr).detach(), self._d(sr)
        zeros, ones = torch.zeros_like(real), torch.ones_like(real)
        gan = (bce(real - fake.mean(), zeros) + bce(fake - real.mean(), ones)) / 2
        features = F.l1_loss(self._vgg(sr)["conv5_4"], self._vgg(hr)["conv5_4"])
        self._update(self._adam_g, 1e-2 * F.l1_loss(sr, hr) + features + 5e-3 * gan)
        self._d.requires_grad_(True)
        real, fake = self._d(hr), self._d(sr.detach())
        loss = bce(real - fake.mean(), ones) + bce(fake - real.mean(), zeros)
        self._update(self._adam_d, loss / 2)
        with torch.no_grad():
            for mean, new in zip(self._average.parameters(), self._g.parameters(), strict=True):
                mean.mul_(0.999).add_(new, alpha=0.001)
        float(loss.detach())

    @staticmethod
    def _update(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    def peak_bytes(self) -> int:
        """Return the peak of the GPU's memory; 0 on a CPU."""
        return torch.cuda.max_memory_allocated() if self._device.type == "cuda" else 0


def read_png_pair(folder: Path, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return a random aligned crop of a random pair of files, as float32 [3, h, w]."""
    name = f"{rng.integers(COUNT)}.png"
    row, col = rng.integers((TILE - CROP) // SCALE + 1, size=2)
    images = []
    for part, factor in (("lr", 1), ("hr", SCALE)):
        image = np.asarray(Image.open(folder / part / name), np.float32) / 255
        top, left, side = row * factor, col * factor, CROP // SCALE * factor
        images.append(torch.from_numpy(image[top : top + side, left : left + side]))
    lr, hr = (image.permute(2, 0, 1).contiguous() for image in images)
    return lr, hr


def crop_rates(folder: Path) -> dict[str, float]:
    """Return LR/HR pairs per second on one core: ours, from bare memory maps, from PNG files."""
    torch.set_num_threads(1)
    pairs, rng = open_pairs(folder), np.random.default_rng(0)
    maps = {}
    for part, side in (("hr", TILE), ("lr", TILE // SCALE)):
        paths = [LocalChunks(folder / "store" / part).path(n) for n in range(COUNT // PER_CHUNK)]
        whole = np.concatenate([np.fromfile(path, np.uint8) for path in paths])
        whole.tofile(folder / f"{part}.raw")
        shape = (COUNT, side, side, 3)
        # A plain view of the map: np.memmap's own slices are slower.
        raw = np.memmap(folder / f"{part}.raw", np.uint8, "r", shape=shape)
        maps[part] = raw.view(np.ndarray)

    def draws(count: int) -> tuple[Any, Any]:
        places = (TILE - CROP) // SCALE + 1
        return rng.integers(COUNT, size=count), rng.integers(places, size=(count, 2))

    def ours(count: int) -> None:
        rows, corners = draws(count)
        crops_of(pairs.lr, rows, corners, CROP // SCALE)
        crops_of(pairs.hr, rows, corners * SCALE, CROP)

    def bare(count: int) -> None:
        rows, corners = draws(count)
        for index, (row, col) in zip(rows, corners, strict=True):
            for part, factor in (("lr", 1), ("hr", SCALE)):
                top, left, side = row * factor, col * factor, CROP // SCALE * factor
                np.array(maps[part][index, top : top + side, left : left + side])

    def png(count: int) -> None:
        for _ in range(count):
            read_png_pair(folder, rng)

    return {
        "ours": _rate(ours, 16, 100),
        "bare": _rate(bare, 16, 100),
        "png": _rate(png, 16, 2),
    }


def _rate(work: Callable[[int], None], count: int, repeats: int) -> float:
    """Return how many a second, of the fastest of five series."""
    work(count)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(repeats):
            work(count)
        best = min(best, time.perf_counter() - began)
    return count * repeats / best


SIDES = {"ours": Ours, "textbook": Textbook}


def main() -> None:
    """Time steps and crops, and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--blocks", type=int, default=23)
    parser.add_argument("--steps", type=int, default=3, help="timed steps of each side")
    parser.add_argument("--threads", type=int, default=0, help="0 = torch's choice")
    parser.add_argument("--precision", default="bfloat16", choices=("float32", "bfloat16"))
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = vars(parser.parse_args())
    as_json = options.pop("json")
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(Path(folder))
        report = {"options": options, **_steps(folder, options), "crops": crop_rates(Path(folder))}
    print(json.dumps(report, indent=2) if as_json else _text(report))


def _steps(folder: str, options: dict[str, Any]) -> dict[str, Any]:
    """Let both sides do one untimed step, then timed ones in turns."""
    context = multiprocessing.get_context("spawn")
    lines: dict[str, Connection] = {}
    for name in SIDES:
        lines[name], other = context.Pipe()
        context.Process(target=_serve, args=(name, folder, options, other), daemon=True).start()
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in SIDES}
    for _ in range(options["steps"] + 1):
        for name, line in lines.items():
            line.send("step")
            seconds[name].append(line.recv())
    report: dict[str, Any] = {}
    for name, line in lines.items():
        line.send("stop")
        step, wait = (median(column) for column in zip(*seconds[name][1:], strict=True))
        facts = {"steps_per_second": 1 / step, "data_wait": wait / step, "peak_bytes": line.recv()}
        report[name] = facts
    ratio = report["ours"]["steps_per_second"] / report["textbook"]["steps_per_second"]
    return {**report, "ratio": ratio}


def _serve(name: str, folder: str, options: dict[str, Any], line: Connection) -> None:
    """Be one side: a step, and the seconds it took and waited for data, for every word."""
    side = SIDES[name](Path(folder), options)
    while line.recv() == "step":
        began = time.perf_counter()
        batch = side.next_batch()
        waited = time.perf_counter() - began
        side.step(batch)
        line.send((time.perf_counter() - began, waited))
    line.send(side.peak_bytes() or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def _text(report: dict[str, Any]) -> str:
    lines = [f"ESRGAN's GAN step, {report['options']}; VGG19 with random weights"]
    for name in SIDES:
        side = report[name]
        lines.append(
            f"  {name:9} {side['steps_per_second']:.3f} steps/s, waits for data "
            f"{100 * side['data_wait']:.2f} % of a step, peak {side['peak_bytes'] / 1e9:.2f} GB"
        )
    crops = report["crops"]
    lines.append(f"  ratio     {report['ratio']:.2f}")
    lines.append(
        f"LR/HR pairs a second on one core, HR 128 of tiles of {TILE}: ours {crops['ours']:,.0f}, "
        f"bare memory map {crops['bare']:,.0f} (ratio {crops['ours'] / crops['bare']:.2f}), "
        f"PNG {crops['png']:,.0f} (ratio {crops['ours'] / crops['png']:.0f})"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
