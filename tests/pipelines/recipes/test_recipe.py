"""Recipes: the shipped ones load, every field can be set, and every fault is said at once."""

from pathlib import Path
from typing import Any, TypeGuard, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import BaseModel

from degrade.errors import SettingsError
from degrade.kernels.estimator_settings import KernelSettings, SpectralSettings
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.yaml_settings import parse_yaml, validated
from pipelines.recipes.recipe import (
    Recipe,
    load_recipe,
    print_recipe,
    share_fields,
    shipped_recipes,
)
from sr_train.settings import METHODS
from sr_train.settings.common import ReferenceTraining
from sr_train.settings.networks import OtherNetwork, SRResNetNetwork
from tests.pipelines.recipe_values import (
    NEEDS,
    OTHER_VALUES,
    SHARED,
    SMALLEST,
    SRNTT_VALUES,
    TTSR_VALUES,
    WHOLE,
)


def leaves(model: type[BaseModel], path: str = "") -> set[str]:
    """Return the dotted path of every field that holds a value."""
    found = set()
    for name, field in model.model_fields.items():
        nested = models_in(field.annotation)
        here = f"{path}{name}"
        found |= {leaf for inner in nested for leaf in leaves(inner, f"{here}.")} or {here}
    return found


def models_in(kind: object) -> list[type[BaseModel]]:
    """Return the models of an annotation, those of unions too."""
    if is_model(kind):
        return [kind]
    return [model for inner in get_args(kind) for model in models_in(inner)]


def is_model(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recipes") / "whole.yaml"
    path.write_text(WHOLE)
    return str(path)


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_load(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    text = (Path(__file__).parents[3] / "pipelines" / "recipes" / f"{name}.yaml").read_text()
    assert text.startswith(f"# degrade run {name} "), "the first line is the command"


def test_the_three_recipes_of_the_project_ship() -> None:
    assert shipped_recipes() == ["demo", "ntire2020_track1", "ntire2020_track2"]


def test_published_settings() -> None:
    one, two = (load_recipe(f"ntire2020_track{n}") for n in (1, 2))
    for recipe in (one, two):
        noise, train = recipe.stages.noise, recipe.stages.train
        assert noise is not None and train is not None
        assert (recipe.scale, noise.patch, noise.max_variance) == (4, 256, 20)
        settings = train.settings
        assert (settings.batch, settings.crop, settings.gan.steps) == (16, 128, 60_000)
        assert (settings.loss.pixel, settings.loss.perceptual) == (1e-2, 1)
        assert settings.loss.adversarial == 5e-3 and settings.vgg_layers
        assert settings.perceptual_layers == {"conv5_4": 1} and settings.ema == 0
        assert (settings.pixel_loss, settings.objective, settings.seed) == ("l1", "ragan", 10)
        assert (settings.psnr.steps, settings.gan.milestones[-1]) == (0, 30_000)
    assert one.stages.train.settings.discriminator == "vgg128"
    assert two.stages.train.settings.discriminator == "patch"
    assert one.target and one.stages.pairs.kernels == "bicubic"
    assert not two.target and two.stages.pairs.kernels == "estimated"


def test_the_table_of_values_names_every_field() -> None:
    chosen = {"stages.train.method", "stages.train.settings.network.architecture"}
    assert {*OTHER_VALUES, *TTSR_VALUES, *SRNTT_VALUES} == leaves(Recipe) - SHARED - chosen


def with_method(name: str) -> list[str]:
    """Return the changes that make a recipe train by a method."""
    scale = ["scale=4"] if issubclass(METHODS[name], ReferenceTraining) else []
    return [f"stages.train.method={name}", *scale]


def test_training_with_references_has_its_conditions(whole: str) -> None:
    chosen = with_method("ttsr")
    for changes, text in (
        ([*chosen, "stages.references=false"], r"ttsr learns from references: add the stage `ref"),
        ([*chosen, "scale=2"], "ttsr is built for scale 4: set it at the top"),
        (
            [*chosen, "stages.train.settings.references=6"],
            "ttsr asks for 6 references of each pair: set references.count",
        ),
    ):
        with pytest.raises(SettingsError, match=text):
            load_recipe(whole, changes)


@pytest.mark.parametrize("method", METHODS)
def test_a_recipe_names_any_method(whole: str, method: str) -> None:
    recipe = load_recipe(whole, [*with_method(method), "seed=3"])
    assert recipe.stages.train.settings == METHODS[method](seed=3)
    assert load_recipe_text(print_recipe(recipe)) == recipe


def test_psnr_trains_any_network(whole: str) -> None:
    network = "stages.train.settings.network"
    changes = ["stages.train.method=psnr", f"{network}.blocks=2"]
    assert load_recipe(whole, changes).stages.train.settings.network.growth == 32
    changes.append(f"{network}.architecture=srresnet")
    recipe = load_recipe(whole, changes)
    assert recipe.stages.train.settings.network == SRResNetNetwork(blocks=2)
    assert load_recipe_text(print_recipe(recipe)) == recipe
    with pytest.raises(SettingsError, match=r"stages.train.settings.network.growth: unknown key"):
        load_recipe(whole, [*changes, f"{network}.growth=3"])
    changes = ["stages.train.method=psnr", f"{network}.architecture=SPAN"]
    recipe = load_recipe(whole, [*changes, f"{network}.feature_channels=48"])
    chosen = recipe.stages.train.settings.network
    assert chosen == OtherNetwork(architecture="SPAN", feature_channels=48)
    assert load_recipe_text(print_recipe(recipe)) == recipe
    reported = r"stages.train.settings.network.architecture: vdsr is not known: give rrdbnet, srres"
    with pytest.raises(SettingsError, match=reported):
        load_recipe(whole, [*changes, f"{network}.architecture=vdsr"])


def test_an_unknown_method_lists_the_known(whole: str) -> None:
    with pytest.raises(SettingsError, match=r"stages.train: .*'esrgan', 'srgan', 'psnr'"):
        load_recipe(whole, ["stages.train.method=edsr"])


@pytest.mark.parametrize(
    ("method", "field", "value"),
    [
        *(("esrgan", *item) for item in OTHER_VALUES.items()),
        *(("ttsr", *item) for item in TTSR_VALUES.items()),
        *(("srntt", *item) for item in SRNTT_VALUES.items()),
    ],
)
def test_every_field_can_be_set_and_changes_the_recipe(
    whole: str, method: str, field: str, value: object
) -> None:
    chosen = [*with_method(method), *([NEEDS[field]] if field in NEEDS else [])]
    before, after = (
        load_recipe(whole, [*chosen, *change]) for change in ([], [f"{field}={as_yaml(value)}"])
    )
    assert before != after
    found: Any = after
    for part in field.split("."):
        found = getattr(found, part)
    expected = float(value) if isinstance(value, str) and value[0].isdigit() else value
    assert found == (tuple(expected) if isinstance(expected, list) else expected)


def as_yaml(value: object) -> str:
    text = value if isinstance(value, str) else yaml.safe_dump(value, default_flow_style=True)
    return text.removesuffix("\n").removesuffix("\n...")


def test_scale_and_seed_are_shared_by_all_stages(whole: str) -> None:
    changes = ["scale=4", "seed=11", "stages.kernels.estimator=kernelgan"]
    stages = load_recipe(whole, changes).stages
    assert isinstance(stages.kernels, KernelSettings) and stages.train
    assert (stages.kernels.scale, stages.pairs.scale) == (4, 4)
    assert (stages.kernels.seed, stages.pairs.seed, stages.train.settings.seed) == (11, 11, 11)


@pytest.mark.parametrize("field", sorted(SHARED))
def test_shared_fields_are_set_once_and_other_faults_are_said_too(whole: str, field: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_recipe(whole, [f"{field}=2", "colour=red"])
    assert f"{field}: set it once, at the recipe's top" in str(refused.value)
    assert "colour: unknown key" in str(refused.value)


def test_all_faults_stand_in_one_line(whole: str) -> None:
    faults = {
        "scale": "5",
        "stages.kernels.iterations": "3",
        "stages.noise.patch": "hello",
        "stages.noise.colour": "red",
        "stages.pairs.valid": "1.5",
        "stages.train.settings.crop": "large",
        "stages.train.settings.loss.pixel": "-1",
        "nonsense": "1",
    }
    with pytest.raises(SettingsError) as refused:
        load_recipe(whole, [f"{field}={value}" for field, value in faults.items()])
    said = str(refused.value)
    assert "\n" not in said and said.startswith(f"{whole}: ")
    for field in faults:
        assert f"{field}: " in said


@pytest.mark.parametrize("value", ["'64'", "64.5", "true", "[64]", "{a: 1}", "large"])
def test_a_number_must_be_a_number(whole: str, value: str) -> None:
    with pytest.raises(SettingsError, match=r"stages\.pairs\.tile"):
        load_recipe(whole, [f"stages.pairs.tile={value}"])


@pytest.mark.parametrize("value", ["'yes'", "2", "maybe"])
def test_a_truth_must_be_a_truth(whole: str, value: str) -> None:
    with pytest.raises(SettingsError, match=r"stages\.pairs\.bake_noise"):
        load_recipe(whole, [f"stages.pairs.bake_noise={value}"])


@pytest.mark.parametrize("name", ["..", ".", "a/b", "", "a b", "/tmp/x"])
def test_a_name_is_a_folders_name(whole: str, name: str) -> None:
    with pytest.raises(SettingsError, match="name: "):
        load_recipe(whole, [f"name='{name}'"])


def test_a_stage_without_fields_is_run_with_its_defaults(tmp_path: Path) -> None:
    path = tmp_path / "bare.yaml"
    path.write_text("name: bare\nscale: 2\nstages:\n  kernels:\n  noise:\n  pairs: {}\n")
    stages = load_recipe(str(path)).stages
    assert stages.kernels == SpectralSettings(scale=2)
    assert stages.noise == NoiseSettings()
    assert stages.pairs == PairSettings(scale=2, use_target=False)
    assert stages.camera is None and stages.references is None and stages.train is None


@pytest.mark.parametrize("text", ["- a", "words", "name: [", "", "name: a\nname: b"])
def test_files_that_are_no_recipe(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load_recipe(str(path))
    assert str(refused.value).startswith(f"{path}: ") and "\n" not in str(refused.value)


def test_an_unknown_name_lists_the_shipped(tmp_path: Path) -> None:
    for name in ("nosuch", "demo.yaml", str(tmp_path)):
        with pytest.raises(SettingsError, match="neither a recipe file nor one that ships") as e:
            load_recipe(name)
        assert "(demo, ntire2020_track1, ntire2020_track2)" in str(e.value)


NAMES = sorted({part for field in OTHER_VALUES for part in field.split(".")})
KEYS = st.one_of(st.sampled_from(NAMES), st.text(max_size=3), st.integers(), st.none())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["esrgan", "bicubic", "reduce", 2, 4, 0.5]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.dictionaries(KEYS, VALUES, max_size=3))
@examples(max_examples=200, deadline=None)
def test_any_mapping_is_a_recipe_or_refused(top: dict[Any, Any], stages: dict[Any, Any]) -> None:
    for data in (top, {**SMALLEST, **top}, {**SMALLEST, "stages": {"pairs": {}, **stages}}):
        try:
            recipe = validated(Recipe, share_fields(data), "x")
        except SettingsError as refused:
            assert str(refused).startswith("x: ")
        else:
            assert load_recipe_text(print_recipe(recipe)) == recipe


def load_recipe_text(text: str) -> Recipe:
    return validated(Recipe, share_fields(parse_yaml(text, "x")), "x")
