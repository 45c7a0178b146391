"""The machine's memory is what Dask finds, and a container's limit counts."""

from pathlib import Path

import pytest
from distributed.system import MEMORY_LIMIT

from pipelines import machine


def test_memory_is_what_dask_finds() -> None:
    assert machine.memory() == MEMORY_LIMIT


@pytest.mark.parametrize(("text", "limited"), [("1000000\n", True), ("max\n", False)])
def test_a_containers_limit_counts(
    text: str, limited: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = machine.memory()
    (tmp_path / "memory.max").write_text(text)
    monkeypatch.setattr(machine, "CGROUPS", (tmp_path / "memory.max", tmp_path / "absent"))
    found = machine.memory()
    assert found == 1_000_000 if limited else found >= whole
