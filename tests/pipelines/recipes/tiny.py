"""A recipe of all stages that runs in seconds, its photos, and where the run writes."""

from pathlib import Path

from pipelines.recipes.runner import RunOptions
from tests.photos import write_photos

RECIPE = """
name: tiny
scale: 2
stages:
  kernels: KERNELS
  noise: {patch: 16, stride: 16}
  pairs: {tile: 24, valid: 0.3}
  train:
    method: esrgan
    settings:
      network: {features: 4, blocks: 1, growth: 2}
      crop: 24
      batch: 2
      noise: true
      psnr: {steps: 4, learning_rate: 1e-3, betas: [0.9, 0.99], milestones: [2]}
      gan: {steps: 0, learning_rate: 1e-3, betas: [0.9, 0.99], milestones: []}
      device: cpu
      threads: 1
"""
STAGES = ["check", "estimate-kernels", "mine-noise", "build-pairs", "train"]


def write(base: Path, side: int, kernels: str = "{}") -> None:
    """Write four square photos and the recipe with such settings of its kernels."""
    write_photos(base / "photos", 4, side, side)
    (base / "tiny.yaml").write_text(RECIPE.replace("KERNELS", kernels))


def standard(base: Path) -> RunOptions:
    """Return the options of a run that leaves everything beside the recipe."""
    store, runs = str(base / "s.zarr"), base / "runs"
    return RunOptions(base / "photos", None, store=store, runs=runs, device="cpu")
