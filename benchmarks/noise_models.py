"""What each kind of LR is worth: does it look like the photos, and how good is training on it.

    python -m benchmarks.noise_models ../shared/data/phone_x2 [--target ../shared/data/clean]
        [--rows patch scaled ...] [--splits 5] [--seed 0] [--steps 1500] [--threads 1] [--json]

The folder is as for `benchmarks.worth`, and so are the network and its settings, but for the GAN
stage, which is left out. Each row is a kind of pairs, with LR as training sees it: its AUC is
`degrade fidelity`'s (mean and deviation over the splits of the photos), its PSNR and SSIM are those
of the network trained on it, on ``valid``. A row takes minutes for its training and for its
classifiers: ``--rows`` chooses, ``--steps 0`` or ``--splits 0`` leaves one of the two out. With
clean photos (``--target``) the network learns from their pairs, too, and the AUC is their LR's.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import cv2
import torch

from benchmarks.kinds_of_pairs import SCALE, Kind, build_store
from benchmarks.worth import score, settings_of
from degrade.fidelity.classifier_settings import FidelitySettings
from pipelines.execution.cluster import connect
from pipelines.stages.fidelity import fidelity
from pipelines.stages.train import train_method
from pipelines.synthetic_lr import LrKind

ROWS = {
    "bicubic": LrKind(kernels=False, noise=None),
    "kernels": LrKind(kernels=True, noise=None),
    "patch": LrKind(kernels=True, noise="patch"),
    "scaled": LrKind(kernels=True, noise="scaled"),
    "synthesised": LrKind(kernels=True, noise="synthesised"),
}


def judged(location: str, names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Return the AUC of rows and of the control, the first, by name.

    Args:
        location: The store of the full pipeline, in which bicubic LR is made anew.
        names: Of rows.
        options: Splits and seed.
    """
    settings = FidelitySettings(
        scale=SCALE,
        domain="target" if options.target else "source",
        splits=options.splits,
        seed=options.seed,
    )
    with connect(0) as client:
        columns = [ROWS[name] for name in names]
        scores = fidelity(location, client, settings, columns=columns).scores
    return {
        name: {"auc": found.auc, "deviation": found.deviation, "splits": found.splits}
        for name, found in zip(["real against real", *names], scores, strict=True)
    }


def trained(folder: Path, name: str, data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the mean scores on ``valid`` of the network that was trained on a row's pairs."""
    noise = ROWS[name].noise
    settings = settings_of(options, noise is not None, options.seed)
    if noise:
        settings = settings.model_copy(update={"noise_model": noise})
    store, run = folder / f"{_kind(name)}.zarr", folder / name
    train_method(str(store), "esrgan", settings, run, scale=SCALE)
    scores = score(run / "weights.safetensors", data / "valid", lpips=False).as_dict()
    return {**scores["mean"], "protocol": scores["protocol"]}


def measure(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return each row's figures by its name."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for kind in dict.fromkeys(["estimated", *(_kind(name) for name in options.rows)]):
            build_store(
                str(folder / f"{kind}.zarr"), data / "source", kind, options.seed, options.target
            )
        rows: dict[str, Any] = {name: {} for name in options.rows}
        if options.splits:
            rows = judged(str(folder / "estimated.zarr"), options.rows, options)
        for name in options.rows if options.psnr_steps else []:
            rows[name] |= trained(folder, name, data, options)
    return rows


def _kind(name: str) -> Kind:
    return "estimated" if ROWS[name].kernels else "bicubic"


def show(rows: dict[str, Any], options: argparse.Namespace) -> None:
    """Print the table."""
    print(f"{options.psnr_steps} steps, {options.splits} splits, seed {options.seed}")
    print(f"{'':20}{'AUC':>7}{'+-':>7}{'PSNR':>8}{'SSIM':>9}")
    for name, row in rows.items():
        auc = f"{row['auc']:7.3f}{row['deviation']:7.3f}" if "auc" in row else " " * 14
        scores = f"{row['psnr']:8.2f}{row['ssim']:9.4f}" if "psnr" in row else ""
        print(f"{name:20}{auc}{scores}")


def main() -> None:
    """Build, judge, train, score and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with source, valid/lr and valid/hr")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--target", type=Path, help="folder of clean photos")
    parser.add_argument("--steps", dest="psnr_steps", type=int, default=1500, help="of training")
    for name, value in {"splits": 5, "seed": 0, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args(namespace=argparse.Namespace(gan_steps=0, precision="float32"))
    cv2.setNumThreads(options.threads)
    torch.set_num_threads(options.threads)
    rows = measure(options.data, options)
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        show(rows, options)


if __name__ == "__main__":
    main()
