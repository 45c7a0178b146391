"""Summary of a store's cameras, and whether pairs are better made with them."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from degrade.camera.parameters import PARAMETERS
from degrade.errors import StoreError
from degrade.store.contents import CameraBank
from degrade.store.reader import Store, open_store
from degrade.store.schema import CAMERA, Domain

POOR = 1.0
"""Misfit above which no camera of this kind explains the photos."""


@dataclass(frozen=True)
class CameraReport:
    """What was found: each parameter's interval, and how well the likely cameras explain it all."""

    cameras: int
    photos: int
    misfit: float
    explained: bool
    """Whether the misfit is small enough to use the cameras."""
    why_linear: str
    """Why pairs are better made with kernels and noise; empty where they are not."""
    scenes: Domain
    parameters: dict[str, tuple[float, float, float]]
    """5th, 50th and 95th percentile of the likely cameras."""
    compressions: int
    """Ways in which files are compressed."""
    compression: str
    """What is known of it, in words."""
    refused: tuple[tuple[str, str], ...]
    """Photos that were not looked at, and why."""
    group: str = ""
    """The camera whose photos were looked at, where they are of several."""
    groups: dict[str, int] = field(default_factory=dict)
    """The photos of each."""
    grouped_by: str = ""
    """How photos were grouped by camera: exif, folder or estimates."""


def camera_report(store: Store) -> CameraReport:
    """Sum up the cameras that a store holds."""
    bank, attributes = store.camera(), store.stages()[CAMERA]
    return CameraReport(
        cameras=len(bank.cameras),
        photos=attributes["photos"],
        misfit=bank.misfit,
        explained=bank.misfit <= POOR,
        why_linear=why_linear(bank),
        scenes=bank.scenes,
        parameters=intervals(bank),
        compressions=len(bank.lossy),
        compression=attributes["compression"],
        refused=tuple((str(path), str(why)) for path, why in attributes["refused"]),
        group=attributes.get("group", ""),
        groups=attributes.get("groups", {}),
        grouped_by=attributes.get("grouped_by", ""),
    )


def intervals(bank: CameraBank) -> dict[str, tuple[float, float, float]]:
    """Return the 5th, 50th and 95th percentile of every parameter over the likely cameras."""
    cuts = np.percentile(bank.cameras.values, (5, 50, 95), axis=0)
    return {
        name: (float(cuts[0, i]), float(cuts[1, i]), float(cuts[2, i]))
        for i, name in enumerate(PARAMETERS)
    }


def why_linear(bank: CameraBank) -> str:
    """Say why pairs are better made with kernels and noise; empty where cameras make better ones.

    On simulated photos that were only blurred, sampled and noisy, pairs by cameras were worth less,
    and no measure of how alike the photos are showed it; what such photos lack of a processor does.
    """
    if bank.misfit > POOR:
        return (
            "no camera of this kind explains the photos (several programs, upscaled, or strongly "
            "edited?)"
        )
    if not bank.lossy:
        return "photos without any trace of JPEG hardly came out of a camera's processor"
    if bank.cameras.tones.straight.all():
        return (
            "the photos' noise grows with brightness as no camera's tone curve leaves it: no "
            "processor made them"
        )
    return ""


def best_degradation(location: str) -> Literal["linear", "camera"]:
    """Return ``camera`` where a store holds cameras that its pairs are better made with."""
    try:
        found = open_store(location).camera()
    except StoreError:
        return "linear"
    return "linear" if why_linear(found) else "camera"


def how_taken(location: str, renewed: bool) -> str:
    """Say in a line which cameras took the pairs' LR."""
    found = open_store(location).camera()
    again = ", found again on the clean photos" if renewed else ""
    return (
        f"LR by {len(found.cameras)} likely cameras{again} (misfit {found.misfit:.2f}); "
        "--degradation linear takes kernels and noise instead"
    )
