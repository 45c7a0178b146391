"""Settings: published defaults, strictness, scaling of the stages."""

import subprocess
import sys

import pytest
from pydantic import BaseModel, ValidationError

from sr_train import settings
from sr_train.settings.esrgan import (
    EsrganGanStage,
    EsrganLoss,
    EsrganPsnrStage,
    EsrganSettings,
)
from sr_train.settings.networks import PUBLISHED, NetworkSettings


def test_published_defaults() -> None:
    settings = EsrganSettings()
    assert settings.network == NetworkSettings(features=64, blocks=23, growth=32)
    assert (settings.crop, settings.batch) == (128, 16)
    assert settings.loss == EsrganLoss(pixel=1e-2, perceptual=1, adversarial=5e-3)
    assert settings.perceptual_layers == {"conv5_4": 1.0}
    assert settings.gan == EsrganGanStage(
        steps=60_000,
        learning_rate=1e-4,
        betas=(0.9, 0.999),
        milestones=(5_000, 10_000, 20_000, 30_000),
        gamma=0.5,
    )
    assert (settings.psnr.steps, settings.psnr.learning_rate) == (1_000_000, 2e-4)


@pytest.mark.parametrize(
    "model", [EsrganSettings, EsrganPsnrStage, EsrganGanStage, EsrganLoss, NetworkSettings]
)
def test_every_field_is_described(model: type[BaseModel]) -> None:
    assert all(field.description for field in model.model_fields.values())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"crops": 3}, "crops"),
        ({"network": {"featuers": 3}}, "network.featuers"),
        ({"perceptual_layers": {"conv1_3": 1.0}}, "perceptual_layers"),
        ({"seed": -1}, "seed"),
        ({"crop": 23}, "crop"),
        ({"loss": {"pixel": float("nan")}}, "loss.pixel"),
        ({"psnr": {"learning_rate": 0}}, "psnr.learning_rate"),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EsrganSettings.model_validate(fields)
    places = [[str(p) for p in e["loc"] if p != PUBLISHED] for e in caught.value.errors()]
    assert message in {".".join(place[:2]) for place in places} | {place[0] for place in places}


def test_values_that_do_not_go_together(make_settings) -> None:
    for fields, message in (
        ({"psnr": 0, "gan": 0}, "psnr.steps and gan.steps are both 0: nothing to train"),
        (
            {"loss": {"pixel": 0, "perceptual": 0, "adversarial": 0}},
            "loss.pixel, loss.perceptual and loss.adversarial are all 0",
        ),
    ):
        with pytest.raises(ValidationError, match=message):
            make_settings(**fields)


def test_total_steps_keep_shares_and_milestones() -> None:
    scaled = EsrganSettings().scaled_to(10_600)
    assert (scaled.psnr.steps, scaled.gan.steps) == (10_000, 600)
    assert scaled.psnr.milestones == (2_000, 4_000, 6_000, 8_000)
    assert scaled.gan.milestones == (50, 100, 200, 300)
    short = EsrganSettings().scaled_to(3)
    assert (short.psnr.steps, short.gan.steps) == (2, 1)


def test_one_stage_stays_one_stage(make_settings) -> None:
    only = make_settings(psnr=10, gan=0).scaled_to(5)
    assert (only.psnr.steps, only.gan.steps) == (5, 0)
    only = make_settings(psnr=0, gan=10).scaled_to(5)
    assert (only.psnr.steps, only.gan.steps) == (0, 5)


def test_vgg_is_needed_only_by_the_gan_stage() -> None:
    settings = EsrganSettings()
    assert settings.vgg_layers == ("conv5_4",) and not settings.without_perceptual().vgg_layers
    psnr_only = settings.model_copy(update={"gan": settings.gan.scaled_to(0)})
    assert not psnr_only.vgg_layers


def test_settings_do_not_import_torch() -> None:
    code = "import sys, sr_train.settings; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_field_of_a_stage_leaves_its_others_at_the_published_values() -> None:
    assert EsrganSettings.model_validate({"gan": {"steps": 5}}).gan == EsrganGanStage(steps=5)


def test_every_method_has_settings_and_the_other_way_round() -> None:
    from sr_train.methods import METHODS

    assert METHODS.keys() == settings.METHODS.keys()
    for name, method in METHODS.items():
        assert list(method.stages) == list(settings.METHODS[name]().stages)
