"""Export a store's noise patches as the folder of PNG files that RealSR's training draws from."""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from degrade.kernels.exchange import photo_names
from degrade.store.contents import NoiseBank
from degrade.store.reader import Store, open_store
from degrade.store.schema import NOISE
from degrade.store.tiles import TileArray
from pipelines.execution.progress import track
from pipelines.export.export_folder import exporting
from pipelines.export.images import png_bytes
from pipelines.export.png_folders import write_whole
from pipelines.stages.import_noise import STAGE


@dataclass(frozen=True)
class NoiseExport:
    """How many patches were exported, and their side in pixels."""

    patches: int
    side: int


def export_noise(location: str, folder: Path, *, overwrite: bool = False) -> NoiseExport:
    """Write each patch as ``PHOTO_000.png``, numbered photo by photo (RealSR, collect_noise.py).

    Raises:
        DegradeError: The folder cannot be written.
        SettingsError: The folder holds something else, or two photos would have one name.
        StoreError: There is no noise.
    """
    store = open_store(location)
    bank = store.noise()
    patches = bank.patches
    names = patch_names(store, bank)
    identity = {"format": "noise", "noise": bank.content}
    with exporting(folder, identity, overwrite=overwrite) as needed:
        if needed:
            with track("export", len(patches), "patches") as counter:
                for row, name in enumerate(names):
                    write_whole(folder / name, partial(_png, patches, row))
                    counter.advance(1)
    return NoiseExport(len(patches), patches.shape[1])


def patch_names(store: Store, bank: NoiseBank) -> list[str]:
    """Return a file name for each patch."""
    if store.stages()[NOISE]["stage"] == STAGE:
        return [f"{stem}.png" for stem in photo_names(store.stages()[NOISE]["files"])]
    rows = sorted(set(bank.source.tolist()))
    sources = store.sources()
    stems = photo_names([str(sources.path[row]) for row in rows])
    known = dict(zip(rows, stems, strict=True))
    seen: Counter[int] = Counter()
    names = []
    for row in bank.source.tolist():
        names.append(f"{known[row]}_{seen[row]:03d}.png")
        seen[row] += 1
    return names


def _png(patches: TileArray, row: int) -> bytes:
    return png_bytes(patches.tile(row))
