"""The machine's memory is what Dask finds, and a container's limit counts."""

from pathlib import Path

import pytest
from distributed.system import MEMORY_LIMIT

from pipelines.recipes import plan


def test_memory_is_what_dask_finds() -> None:
    assert plan.machine_memory() == MEMORY_LIMIT


@pytest.mark.parametrize(("text", "limited"), [("1000000\n", True), ("max\n", False)])
def test_a_containers_limit_counts(
    text: str, limited: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = plan.machine_memory()
    (tmp_path / "memory.max").write_text(text)
    monkeypatch.setattr(plan, "CGROUPS", (tmp_path / "memory.max", tmp_path / "absent"))
    found = plan.machine_memory()
    assert found == 1_000_000 if limited else found >= whole
