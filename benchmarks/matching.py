"""Matching of feature patches, beside unfolding both maps and multiplying.

    python -m benchmarks.matching [--device cuda] [--full]

The maps are random, of relu3_1's 256 channels: 40x40 as in training (160-pixel images), and with
--full the published protocol's five 500-pixel references in one map (625x125), whose whole matrix
would be 2.9 GB.
"""

import argparse
import resource
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sr_train.reference.matching import match

CHANNELS = 256


def textbook(query: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maxima of the whole matrix and their places, as TTSR's published code does."""
    keys = F.normalize(F.unfold(reference, 3, padding=1), dim=1)
    queries = F.normalize(F.unfold(query, 3, padding=1), dim=1)
    score, index = torch.bmm(keys.transpose(1, 2), queries).max(dim=1)
    return score, index


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the fastest of some runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times)


def compare(device: str, query_size: tuple[int, int], reference_size: tuple[int, int]) -> None:
    """Print the ratio of the two, and how far their results agree."""
    generator = torch.Generator().manual_seed(0)
    query, reference = (
        torch.randn(1, CHANNELS, *size, generator=generator).relu().to(device)
        for size in (query_size, reference_size)
    )
    score, index = textbook(query, reference)
    found = match(query, [reference], padding=1)
    slow = seconds(lambda: textbook(query, reference), 3)
    fast = seconds(lambda: match(query, [reference], padding=1), 3)
    same = (found.index == index).float().mean().item()
    apart = (found.score - score).abs().max().item()
    print(
        f"{query_size} against {reference_size}: {slow / fast:.1f} times the textbook's speed "
        f"({1000 * fast:.0f} ms), {same:.2%} of the places equal, scores within {apart:.1e}"
    )


def main() -> None:
    """Run the comparison and say how much memory the large case takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--full", action="store_true", help="time five references of 500 pixels")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if arguments.full:
        query, references = torch.rand(1, CHANNELS, 125, 75), torch.rand(1, CHANNELS, 625, 125)
        query, references = query.to(arguments.device), references.to(arguments.device)
        fast = seconds(lambda: match(query, [references], padding=1), 1)
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
        print(f"(125, 75) against (625, 125): {fast:.1f} s, {peak:.2f} GiB with the maps")
    compare(arguments.device, (40, 40), (40, 40))
    compare(arguments.device, (75, 75), (125, 125))


if __name__ == "__main__":
    main()
