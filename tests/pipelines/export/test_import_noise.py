"""Imported noise: what was exported comes back; odd files are refused by name; damage is mended."""

from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from degrade.errors import StoreError
from degrade.images.write import write_png
from degrade.store.reader import open_store
from pipelines.export.noise import export_noise
from pipelines.stages.import_noise import import_noise
from pipelines.stages.verify import verify
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import contents


def test_a_bank_goes_out_and_comes_in(tmp_path: Path, stored: str, client: Client) -> None:
    export_noise(stored, tmp_path / "noise")
    report = import_noise(str(tmp_path / "s"), tmp_path / "noise")
    old, new = open_store(stored).noise(), open_store(tmp_path / "s").noise()
    assert report.patches == len(old.patches) == len(new.patches) and not report.refused
    assert {patch.tobytes() for patch in old.patches} == {p.tobytes() for p in new.patches}
    assert np.allclose(np.sort(old.variance), np.sort(new.variance), rtol=1e-3)
    assert set(new.source.tolist()) == {-1}
    export_noise(str(tmp_path / "s"), tmp_path / "again")
    pictures = [
        {name: data for name, data in contents(tmp_path / folder).items() if name[0] != "."}
        for folder in ("noise", "again")
    ]
    assert pictures[0] == pictures[1]
    chunk = tmp_path / "s" / "noise/patches/c/0/0/0/0"
    before = chunk.read_bytes()
    chunk.write_bytes(before[:-7])
    assert verify(str(tmp_path / "s"), client, repair=True).repaired
    assert chunk.read_bytes() == before
    chunk.write_bytes(before[:-7])
    next((tmp_path / "noise").glob("*.png")).unlink()
    with pytest.raises(StoreError, match=r"the imported noise cannot be read again .*put the"):
        verify(str(tmp_path / "s"), client, repair=True)


def test_odd_files_and_stores(degrade: Command, tmp_path: Path, stored: str) -> None:
    rng = np.random.default_rng(0)
    for name, shape in {"a": (32, 32, 3), "b": (32, 40, 3), "c": (16, 16, 3)}.items():
        write_png(tmp_path / "noise" / f"{name}.png", rng.integers(90, 110, shape, np.uint8))
    (tmp_path / "noise" / "d.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    found = one_object(degrade("import", "--noise", "noise", "--store", "s", "--json"))["noise"]
    assert found["patches"] == 1 and found["side"] == 32
    assert found["refused"][:2] == [
        ["b.png", "is 40x32, not 32x32 as the first"],
        ["c.png", "is 16x16, not 32x32 as the first"],
    ]
    assert found["refused"][2][0] == "d.png"
    said = refusal(degrade("import", "--noise", "noise", "--store", stored))
    assert said.endswith(
        "/noise: holds noise made by mine-noise; pass --overwrite to replace it, or use another "
        "--store"
    )
    assert refusal(degrade("import", "--store", "s")) == (
        "import: nothing to import; give LR_FOLDER --hr HR_FOLDER, --noise or --kernels"
    )
    (tmp_path / "none").mkdir()
    assert refusal(degrade("import", "--noise", "none", "--store", "s")) == (
        "--noise none: holds no noise patches (empty)"
    )
