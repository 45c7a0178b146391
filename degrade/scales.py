"""Scales, HR size over LR size: which there are, and which parts have fewer."""

from typing import Literal

EstimatedScale = Literal[2, 3, 4, 8]
"""Kernels have a canvas for these, and pairs of folders are recognised as these."""
TrainedScale = Literal[2, 4]
"""KernelGAN trains kernels of x2, derives those of x4, and has files of both."""
RecipeScale = Literal[2, 3, 4]
"""Scales that a recipe may have, for all its stages."""
NETWORK_SCALES = (1, 2, 3, 4, 8)
"""Networks enlarge by these; 1 restores without enlarging."""
