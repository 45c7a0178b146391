"""Exported noise is the bank, named as RealSR names it; what is missing is said in one line."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from degrade.images.decode import read_image
from degrade.kernels.matfile import write_mat
from degrade.kernels.parametric import gaussian_kernel
from degrade.kernels.shape import canvas_size
from degrade.store.reader import open_store
from pipelines.export.noise import export_noise
from tests.cli.answers import one_object, refusal
from tests.conftest import Command


def test_patches_are_the_banks(tmp_path: Path, stored: str) -> None:
    report = export_noise(stored, tmp_path / "noise")
    store = open_store(stored)
    bank, sources = store.noise(), store.sources()
    paths = sorted(path for path in (tmp_path / "noise").iterdir() if path.name[0] != ".")
    assert report.patches == len(paths) == len(bank.patches)
    seen: Counter[int] = Counter()
    for patch, source in zip(bank.patches, bank.source.tolist(), strict=True):
        name = f"{Path(str(sources.path[source])).stem}_{seen[source]:03d}.png"
        assert np.array_equal(read_image(tmp_path / "noise" / name), patch)
        seen[source] += 1


def test_from_the_command_line(degrade: Command, stored: str, photos: Path) -> None:
    answer = one_object(degrade("export", "noise", "out", "--store", stored, "--json"))
    assert answer["side"] == 32 and answer["patches"] > 20
    said = degrade("export", "pairs", "pairs", "--store", stored, "--scale", 2, "--split", "valid")
    assert said.out == "pairs: 0 pairs for training, 20 for validation, as folders\n"
    degrade("check", photos, "--store", "s")
    assert refusal(degrade("export", "noise", "out2", "--store", "s")) == (
        "s: has no noise; run `degrade mine-noise` first"
    )
    text = refusal(degrade("export", "kernels", "k", "--store", "s"))
    assert text == "s: holds no kernels; run `degrade estimate-kernels` first"
    text = refusal(degrade("export", "kernels", "k", "--store", "s", "--scale", 4))
    assert text == ("s: has no kernels/x4; run `degrade estimate-kernels --scale 4` first")


@pytest.mark.parametrize("form", ["mat", "npz", "png"])
def test_kernels_in_the_form_asked_for(
    degrade: Command, tmp_path: Path, photos: Path, form: str
) -> None:
    for name in ("photo 0", "photo 1", "stranger"):
        (tmp_path / "mats").mkdir(exist_ok=True)
        kernel = gaussian_kernel((2.0, 1.0), 0.5, canvas_size(2))
        write_mat(tmp_path / "mats" / f"{name}_kernel_x2.mat", kernel, 2)
    mats = tmp_path / "mats"
    degrade("check", photos, "--store", "s")
    degrade("import", "--kernels", mats, "--store", "s", "--scale", 2)
    ask = ("export", "kernels", "k", "--store", "s", "--scale", 2, "--format", form, "--json")
    assert one_object(degrade(*ask))["files"] == 3
    found = Counter(path.suffix[1:] for path in (tmp_path / "k").rglob("*") if path.is_file())
    assert found == {"mat": {"mat": 3, "npz": 1}, "npz": {"npz": 1}, "png": {"png": 3}}[form]
