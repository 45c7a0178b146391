"""A search for cameras that takes a second: few of them, on few scenes, in several tasks."""

import pytest

from degrade.camera import fit
from pipelines import camera_evidence
from pipelines.stages import estimate_camera as stage

SHORT: dict[str, object] = {
    "ANYWHERE": 10,
    "ROUNDS": 1,
    "EACH": 6,
    "ALSO": 1,
    "CAMERAS": 6,
    "STEPS": 160,
}
"""Of `degrade.camera.fit`."""
SCENES, MANY, CAMERAS_PER_TASK = 2, 3, 4


def shorten(patch: pytest.MonkeyPatch) -> None:
    """Let a search be short."""
    for name, value in SHORT.items():
        patch.setattr(fit, name, value)
    for module in (camera_evidence, stage):
        patch.setattr(module, "SCENES", SCENES)
    patch.setattr(camera_evidence, "MANY", MANY)
    patch.setattr(stage, "CAMERAS_PER_TASK", CAMERAS_PER_TASK)
