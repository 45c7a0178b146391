"""Scales are listed in one place, and every list of them elsewhere is that one."""

from typing import get_args

import pytest

from degrade.errors import SettingsError
from degrade.kernels.estimator_settings import KernelSettings, SpectralSettings
from degrade.kernels.exchange import mat_scale
from degrade.kernels.shape import canvas_size
from degrade.scales import NETWORK_SCALES, EstimatedScale, RecipeScale, TrainedScale
from degrade.yaml_settings import validated
from pipelines.recipes.recipe import Recipe, share_fields


def recipe(scale: int) -> dict[str, object]:
    return share_fields({"name": "a", "scale": scale, "stages": {"pairs": {}, "kernels": {}}})


@pytest.mark.parametrize("scale", get_args(RecipeScale))
def test_a_recipes_scale_is_one_of_every_stage(scale: int) -> None:
    assert scale in get_args(EstimatedScale) and scale in NETWORK_SCALES
    assert validated(Recipe, recipe(scale), "r").stages.kernels.scale == scale


@pytest.mark.parametrize("scale", get_args(TrainedScale))
def test_what_is_trained_can_be_estimated_and_written(scale: int) -> None:
    assert scale in get_args(EstimatedScale) and mat_scale(scale) == scale


@pytest.mark.parametrize("scale", get_args(EstimatedScale))
def test_a_canvas_has_the_parity_of_its_scale(scale: int) -> None:
    assert canvas_size(scale) % 2 == scale % 2


@pytest.mark.parametrize("scale", [5, 6])
def test_other_scales_are_refused_with_those_that_there_are(scale: int) -> None:
    for model, fields, known in (
        (SpectralSettings, {"scale": scale}, "2, 3, 4 or 8"),
        (KernelSettings, {"scale": scale}, "2 or 4"),
        (Recipe, recipe(scale), "2, 3 or 4"),
    ):
        with pytest.raises(SettingsError, match=f"input should be {known}, not {scale}"):
            validated(model, fields, "x")
    with pytest.raises(SettingsError, match="scales 2 and 4 only"):
        mat_scale(scale)
