"""What the reported store is made of: hostile file names, a recipe, and where it all is."""

from dataclasses import dataclass
from pathlib import Path

HOSTILE = "\"><img src=x onerror=alert(1)>{{ 7 * 7 }} & ' <b>.png"
BROKEN = "a<", "script>document.title='owned'<!--.png"
"""Folder and file: together they end a script."""
RECIPE = """
name: tiny
scale: 2
stages:
  kernels: {}
  noise: {patch: 16, stride: 8}
  pairs: {tile: 24, cleanup: 1, valid: 0.3}
  references: {count: 2, candidates: 4, features: 64}
  train:
    method: psnr
    settings:
      network: {features: 4, blocks: 1, growth: 2}
      crop: 24
      batch: 2
      psnr: {steps: 4, learning_rate: 1.0e-3, betas: [0.9, 0.99], milestones: [2]}
      log_every: 1
      validate_every: 2
      device: cpu
      threads: 1
"""


@dataclass(frozen=True)
class Made:
    """A store, the folder of its runs, its photos, and the report of all that."""

    store: Path
    runs: Path
    photos: Path
    report: Path

    @property
    def text(self) -> str:
        """The report's HTML."""
        return self.report.read_text(encoding="utf-8")
