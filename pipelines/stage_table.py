"""The table of stages: every stage that a recipe can have, in the order in which they run."""

from pipelines.descriptions.camera import CAMERA
from pipelines.descriptions.check import CHECK
from pipelines.descriptions.kernels import KERNELS
from pipelines.descriptions.lens import LENS
from pipelines.descriptions.noise import NOISE
from pipelines.descriptions.pairs import PAIRS
from pipelines.descriptions.references import REFERENCES
from pipelines.descriptions.train import TRAIN
from pipelines.stage import Stage

STAGES: tuple[Stage, ...] = (
    CHECK,
    KERNELS,
    LENS,
    NOISE,
    CAMERA,
    PAIRS,
    REFERENCES,
    TRAIN,
)
