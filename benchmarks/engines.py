"""Seconds of upscaling by each inference engine, beside torch called plainly.

    OMP_NUM_THREADS=1 python -m benchmarks.engines [--height 96] [--width 128] [--rounds 5]
        [--threads 1] [--json]

RealSR's RRDBNet (x4, 64 features, 23 blocks, growth 32) with seeded weights and a made LR picture.
The engines take turns, and the quickest of each one's rounds counts; all ratios are to
``network(lr)`` in float32. Engines that are not installed (extras ``ncnn``, ``onnx``, ``openvino``)
are left out. What they convert stays in the cache folder.
"""

import argparse
import json
from collections.abc import Callable
from time import perf_counter

import torch

from degrade.arrays import F32
from degrade.errors import DegradeError
from sr_train.engines.choice import choose
from sr_train.engines.engine_table import ENGINES
from sr_train.inference.upscaling import compute
from sr_train.networks.generator import Generator
from sr_train.networks.receptive_field import sample_picture
from sr_train.networks.rrdbnet import RRDBNet

PLAIN = "torch, plainly"


def ways(network: Generator) -> dict[str, Callable[[F32], object]]:
    """Return what is timed, by name."""

    @torch.inference_mode()
    def plainly(lr: F32) -> object:
        return network(torch.from_numpy(lr))

    found: dict[str, Callable[[F32], object]] = {PLAIN: plainly}
    for bf16 in (False, True):
        for name in ("torch", *ENGINES):
            try:
                by = choose(network, name, 0, bf16).network
            except DegradeError:
                continue
            label = f"{name}, bfloat16" if bf16 else name
            found[label] = lambda lr, by=by, bf16=bf16: compute(by, lr, "cpu", bf16)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in {"height": 96, "width": 128, "rounds": 5, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    timed = ways(RRDBNet(4).eval())
    lr = sample_picture(options.height, options.width)
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(options.rounds):
        for name, run in timed.items():
            began = perf_counter()
            run(lr)
            seconds[name].append(perf_counter() - began)
    best = {name: min(each) for name, each in seconds.items()}
    if options.json:
        print(json.dumps({"seconds": best, "torch": torch.__version__}, indent=2))
        return
    print(f"{'':24}{'seconds':>9}{'speed':>8}")
    for name, took in best.items():
        print(f"{name:24}{took:9.2f}{best[PLAIN] / took:7.2f}x")


if __name__ == "__main__":
    main()
