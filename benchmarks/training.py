"""ESRGAN's GAN step here against a textbook float32 loop on PNG files, and the rate of crops.

    python -m benchmarks.training                    # CPU: batch 4 at HR 128, RRDBNet of 23 blocks
    python -m benchmarks.training --device cuda --batch 16

The perceptual loss has seeded random VGG19 weights, which cost what trained ones do. Each side runs
in a process of its own, so that peak memory is its own; their steps alternate.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.training_sides import TILE, Ours, Textbook, crop_rates, write_inputs

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
