"""Compare estimated kernels with the truth: bicubic, KernelGAN as published, and ours.

    python benchmarks/kernel_accuracy.py ../shared/data/kernels_x2 [--photos 8] [--rows]

The folder holds source/ and truth_kernels.npz (kernels by file stem). L1 is 0 for equal kernels and
2 for disjoint ones, both centred and with sum 1.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from degrade.arrays import F32, F64, Image  # noqa: E402
from degrade.images.decode import read_image  # noqa: E402
from degrade.kernels.quality import KernelEstimate  # noqa: E402
from degrade.kernels.settings import KernelSettings  # noqa: E402
from degrade.kernels.shape import bicubic_kernel, l1_distance, recentre  # noqa: E402

METHODS = ("bicubic", "as published", "ours")


def main() -> None:
    """Estimate, compare, print a table, and write JSON where ``--json`` says."""
    options = parse()
    names = sorted(path.name for path in (options.folder / "source").iterdir())[: options.photos]
    truth = np.load(options.folder / "truth_kernels.npz")
    truths = [truth[Path(name).stem] for name in names]
    scale = {16: 2, 32: 4}[truths[0].shape[0]]
    photos = [read_image(options.folder / "source" / name) for name in names]
    results = {}
    for method in options.methods:
        start = time.perf_counter()
        estimates = estimate(method, photos, names, scale, options)
        seconds = time.perf_counter() - start
        results[method] = rows(names, truths, estimates, options.restarts)
        report(method, results[method], seconds / len(names), options.rows)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, help="only the first so many")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--iterations", type=int, default=3000)
    parser.add_argument("--restarts", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--kept-weights", type=int, default=40)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rows", action="store_true", help="print every estimate")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def estimate(
    method: str, photos: list[Image], names: list[str], scale: int, options: argparse.Namespace
) -> list[KernelEstimate]:
    """Return ``options.restarts`` estimates per photo by one method."""
    if method == "bicubic":
        kernel = bicubic_kernel(scale)
        return [
            KernelEstimate(kernel, name, 0, 1.0, True, "")
            for name in names
            for _ in range(options.restarts)
        ]
    from degrade.kernels.kernelgan import estimate_kernels

    settings = KernelSettings(
        scale=scale,  # type: ignore[arg-type]
        iterations=options.iterations,
        restarts=options.restarts,
        seed=options.seed,
        lanes=options.lanes,
        as_published=method == "as published",
        kept_weights=40 if method == "as published" else options.kept_weights,
    )
    return estimate_kernels(photos, names, settings, options.device)


def rows(
    names: list[str], truths: list[F64], estimates: list[KernelEstimate], restarts: int
) -> list[dict[str, object]]:
    """Compare every estimate with its truth; one without a kernel counts as disjoint."""
    table = []
    for index, found in enumerate(estimates):
        truth = truths[index // restarts]
        distance = l1_distance(found.weights, truth) if found.weights.any() else 2.0
        table.append(
            {
                "photo": found.key,
                "seed": found.seed,
                "l1": distance,
                "correlation": correlation(found.weights, truth),
                "sigma": sigma(found.weights),
                "true_sigma": sigma(truth),
                "score": found.score,
                "accepted": found.accepted,
                "reason": found.reason,
            }
        )
    return table


def correlation(kernel: F32, truth: F64) -> float:
    """Return the normalised correlation of two kernels, both centred."""
    a, b = (recentre(k, truth.shape[0]).ravel() if k.any() else k.ravel() for k in (kernel, truth))
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-12))


def sigma(kernel: F32 | F64) -> float:
    """Return the geometric mean of a kernel's two principal standard deviations, in pixels."""
    index = np.arange(kernel.shape[0]) - (kernel.shape[0] - 1) / 2
    y, x = np.meshgrid(index, index, indexing="ij")
    variances = [float((kernel * product).sum()) for product in (y * y, x * x, x * y)]
    determinant = variances[0] * variances[1] - variances[2] ** 2
    return max(determinant, 0.0) ** 0.25


def report(method: str, table: list[dict[str, object]], seconds: float, every: bool) -> None:
    """Print one method's line, and every estimate's if asked to."""
    if every:
        for row in table:
            print(
                "  {photo:24} seed {seed}  L1 {l1:.3f}  score {score:.2f}  {reason}".format(**row)
            )
    means = {
        name: np.mean([float(row[name]) for row in table])  # type: ignore[arg-type]
        for name in ("l1", "correlation", "sigma", "true_sigma", "accepted")
    }
    print(
        "{0:14} L1 {l1:.3f}  correlation {correlation:.3f}  sigma {sigma:.2f} (true "
        "{true_sigma:.2f})  accepted {accepted:.0%}  {1:.1f} s per photo".format(
            method, seconds, **means
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
