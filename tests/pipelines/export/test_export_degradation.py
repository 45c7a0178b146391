"""A measured degradation as other trainers' files: they parse, and say what they cannot."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from degrade.camera.jpeg_file import standard_compression
from degrade.kernels.matfile import write_mat
from degrade.kernels.parametric import gaussian_kernel
from pipelines.export.degradation import TRAINERS
from pipelines.export.measured import Compression, MeasuredDegradation, MeasuredNoise, quality_of
from pipelines.export.trainers.second_order import mean_added
from tests.cli.answers import one_object, refusal
from tests.conftest import Command

MEASURED = MeasuredDegradation(
    scale=2,
    kernels=30,
    along=(1.5, 2.5),
    across=(1.0, 1.4),
    angles=0.9,
    shapes=(1.0, 1.0),
    noise=MeasuredNoise(0.05, 2.0, (1.4, 3.8), 0.3, 0.25),
    compression=Compression((88.0, 92.0), ("4:2:0",), 1.0),
)
DEFOCUSED = replace(
    MEASURED,
    across=(1.5, 2.5),
    shapes=(2.0, 3.0),
    noise=None,
    compression=None,
)
BLUR = "blur_kernel_size kernel_list kernel_prob blur_sigma sinc_prob betag_range betap_range"
ROUND = "resize_prob resize_range gaussian_noise_prob noise_range poisson_scale_range"
ROUND += " gray_noise_prob jpeg_range"
KERNELS = {f"{key}{stage}" for key in BLUR.split() for stage in ("", "2")} | {"final_sinc_prob"}
ROUNDS = {f"{key}{stage}" for key in ROUND.split() for stage in ("", "2")}
"""Keys of options/train_realesrnet_x4plus.yml of Real-ESRGAN."""


def text_for(name: str, measured: MeasuredDegradation) -> str:
    return next(trainer for trainer in TRAINERS if trainer.name == name).text(measured)


def parsed(name: str, measured: MeasuredDegradation) -> dict[str, Any]:
    text = text_for(name, measured)
    found = tomllib.loads(text) if name == "neosr" else yaml.safe_load(text)
    assert isinstance(found, dict)
    return found


def test_names_and_files_are_each_ones_own() -> None:
    assert len({trainer.name for trainer in TRAINERS}) == len(TRAINERS) == 4
    assert len({trainer.file for trainer in TRAINERS}) == 4


@pytest.mark.parametrize("measured", [MEASURED, DEFOCUSED])
def test_keys_are_those_that_the_trainers_read(measured: MeasuredDegradation) -> None:
    neosr = parsed("neosr", measured)
    assert set(neosr["degradations"]) == KERNELS | ROUNDS | {"second_blur_prob"}
    published = parsed("real-esrgan", measured)
    assert "&id" not in text_for("real-esrgan", measured)
    assert set(published["datasets"]["train"]) - {"type", "dataroot_gt"} == KERNELS
    assert set(published) - {"scale", "gt_usm", "datasets"} == ROUNDS | {"second_blur_prob"}
    redux = parsed("trainner-redux", measured)
    known = {"name", "type", "dataroot_gt", "kernel_range", "kernel_range2"}
    assert set(redux["datasets"]["train"]) - known == KERNELS
    own = {"name", "scale", "num_gpu", "path", "high_order_degradation", "datasets"}
    own |= {f"{key}{stage}" for key in ("blur_prob", "jpeg_prob") for stage in ("", "2")}
    own |= {f"resize_mode_{kind}{s}" for kind in ("list", "prob") for s in ("", "2", "3")}
    assert set(redux) == own | ROUNDS
    low, high = redux["datasets"]["train"]["kernel_range"]
    assert low == high <= 21 and low % 2 == 1


@pytest.mark.parametrize("name", ["neosr", "real-esrgan"])
def test_widths_noise_and_qualities_are_the_measured_ones(name: str) -> None:
    found = parsed(name, MEASURED)
    rounds = found["degradations"] if name == "neosr" else found
    kernels = found["degradations"] if name == "neosr" else found["datasets"]["train"]
    sigmas = np.array(kernels["blur_sigma"])
    np.testing.assert_allclose(np.sqrt(sigmas**2 + mean_added(2)), (1.0, 2.5), atol=2e-3)
    assert kernels["kernel_list"] == ["aniso"]
    level = 128
    variance = 0.05 * level + 2
    assert rounds["noise_range2"][0] ** 2 == pytest.approx(variance, rel=1e-2)
    assert rounds["poisson_scale_range2"][0] ** 2 * level == pytest.approx(variance, rel=1e-2)
    assert rounds["gray_noise_prob2"] == 0.3 and rounds["jpeg_range2"] == [88, 92]
    assert rounds["noise_range"] == [0, 0] and rounds["resize_prob"] == [0, 0, 1]


def test_what_a_target_cannot_say_stands_in_its_file() -> None:
    for trainer in TRAINERS:
        comment = [row for row in trainer.text(MEASURED).splitlines() if row.startswith("#")]
        said = "\n".join(comment)
        assert "90% of the kernels have one direction" in said
        assert "neighbouring pixels' noise correlates by 0.25" in said
        said = trainer.text(DEFOCUSED)
        assert "no noise was mined" in said and "no JPEG file was among the photos" in said
    assert "the camera's is the sum of both" in text_for("neosr", MEASURED)
    assert "half of the exponents" in text_for("real-esrgan", DEFOCUSED)
    assert "the kernels' exponent" in text_for("wtp", DEFOCUSED)


def test_defocus_is_a_generalised_gaussian_of_the_same_width() -> None:
    train = parsed("trainner-redux", DEFOCUSED)["datasets"]["train"]
    assert train["kernel_list"] == ["generalized_iso"] and train["betag_range"] == [2.0, 3.0]
    # exp(-(x / w)^4 / 2) over the plane has the variance w^2 sqrt(2 / pi) / 2 along each axis.
    width = train["blur_sigma"][0]
    assert width**2 * np.sqrt(2 / np.pi) / 2 == pytest.approx(1.5**2, rel=0.02)


def test_hcl_has_its_blocks_in_the_order_of_a_camera() -> None:
    text = text_for("wtp", MEASURED)
    kinds = [row.split('"')[1] for row in text.splitlines() if row.startswith("  type = ")]
    assert kinds == ["blur", "resize", "noise", "compress"]
    assert text.count("{") == text.count("}") == 4
    hcl2 = pytest.importorskip("hcl2")
    found = hcl2.loads(text)
    assert len(found["degradation"]) == 4 and found["degradation"][3]["compress"] == [88, 92]
    low, high, step = found["degradation"][2]["alpha"]
    assert 0 < low < high and len(np.arange(low, high, step)) > 10


def test_qualities_are_read_from_tables() -> None:
    for quality in (20, 50, 75, 90, 98):
        assert abs(quality_of(standard_compression(quality).tables[0]) - quality) <= 1


def test_from_the_command_line(degrade: Command, tmp_path: Path, photos: Path) -> None:
    (tmp_path / "mats").mkdir()
    write_mat(tmp_path / "mats" / "photo 0_kernel_x2.mat", gaussian_kernel((2, 1), 0.5, 16), 2)
    assert degrade("check", photos).code == 0
    text = refusal(degrade("export", "degradation", "out"))
    assert text.endswith("holds no kernels; run `degrade estimate-kernels` first")
    assert degrade("import", "--kernels", tmp_path / "mats", "--scale", 2).code == 0
    assert refusal(degrade("export", "degradation", "out", "--for", "x")) == (
        "--for x: give neosr, trainner-redux, real-esrgan or wtp"
    )
    assert degrade("mine-noise", "--patch", 32, "--stride", 16).code == 0
    answer = one_object(degrade("export", "degradation", "out", "--json"))
    assert sorted(Path(file).name for file in answer["files"]) == sorted(
        trainer.file for trainer in TRAINERS
    )
    assert answer["measured"]["kernels"] == 1 and answer["measured"]["noise"]["deviations"][1] > 1
    assert answer["measured"]["compression"] is None
    some = degrade("export", "degradation", "some", "--for", "neosr")
    assert some.out.split() == [str(Path("some") / "neosr.toml")]
    assert tomllib.loads(Path(answer["files"][0]).read_text())["scale"] == 2
