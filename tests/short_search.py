"""A search for cameras that takes a second: few of them, on few scenes, in several tasks."""

import pytest

from degrade.camera import fit
from pipelines import camera_evidence
from pipelines.stages import estimate_camera as stage

SHORT: dict[str, object] = {"ANYWHERE": 10, "ROUNDS": 1, "EACH": 6, "CAMERAS": 6, "STEPS": 160}
"""Of `degrade.camera.fit`."""
SCENES, CAMERAS_PER_TASK = 2, 4


def shorten(patch: pytest.MonkeyPatch) -> None:
    """Let a search be short."""
    for name, value in SHORT.items():
        patch.setattr(fit, name, value)
    patch.setattr(camera_evidence, "SCENES", SCENES)
    patch.setattr(stage, "CAMERAS_PER_TASK", CAMERAS_PER_TASK)
