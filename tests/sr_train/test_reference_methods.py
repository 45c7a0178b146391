"""SRNTT and TTSR alike: runs resumed to the bit, what they leave, what they refuse."""

from pathlib import Path
from typing import Any

import pytest
import torch

from degrade.errors import SettingsError, WeightsError
from degrade.settings import validated
from sr_train.networks.srntt import SRNTT
from sr_train.networks.ttsr import TTSR
from sr_train.settings import METHODS
from sr_train.weights import load_network
from tests.sr_train.processors import FAST_BFLOAT16

SMALL: dict[str, dict[str, Any]] = {
    "srntt": {"network": {"features": 8, "content": 1, "blocks": 1}, "crop": 64},
    "ttsr": {
        "network": {"features": 8, "shallow": 1, "first": 1, "second": 1, "third": 1},
        "crop": 32,
    },
}
NETWORKS = {"srntt": SRNTT, "ttsr": TTSR}
NO_PERCEPTUAL = {"loss": {"perceptual": 0.0}}


def settings(name: str, steps: dict[str, int], **fields: Any) -> Any:
    base = {
        "batch": 1,
        "device": "cpu",
        "threads": 1,
        "log_every": 1,
        "save_every": 1,
        "validate_every": 2,
        "validation_tiles": 1,
        **{stage: {"steps": count, "learning_rate": 1e-4} for stage, count in steps.items()},
    }
    return METHODS[name].model_validate(base | SMALL[name] | fields)


@pytest.mark.parametrize(
    ("name", "steps", "last", "fields"),
    [
        ("srntt", (1, 2, 1), 2, {"ema": 0.5, **NO_PERCEPTUAL}),
        ("ttsr", (1, 2), 2, {}),
        pytest.param(
            *("srntt", (1, 1, 2), 3, {"precision": "bfloat16", "ema": 0.5, **NO_PERCEPTUAL}),
            marks=FAST_BFLOAT16,
        ),
        pytest.param(
            *("ttsr", (1, 2), 2, {"precision": "bfloat16", **NO_PERCEPTUAL}), marks=FAST_BFLOAT16
        ),
    ],
    ids=["srntt", "ttsr", "srntt bfloat16", "ttsr bfloat16"],
)
def test_all_stages_train_and_resume_to_the_bit(
    tmp_path: Path, train, name: str, steps: tuple[int, ...], last: int, fields: dict[str, Any]
) -> None:
    stages = list(METHODS[name]().stages)
    chosen = settings(name, dict(zip(stages, steps, strict=True)), **fields)
    whole = train(chosen, tmp_path / "whole")

    class Stopped(Exception):
        pass

    def stop(now) -> None:
        if now.step == last:
            raise Stopped

    with pytest.raises(Stopped):
        train(chosen, tmp_path / "run", progress=stop)
    resumed = train(chosen, tmp_path / "run", resume=True)
    assert resumed.read_bytes() == whole.read_bytes()
    left = {path.name for path in whole.parent.iterdir()}
    for network in (*stages[:-1], "discriminator"):
        assert f"weights_{network}.safetensors" in left
    final = load_network(whole)
    assert isinstance(final, NETWORKS[name])
    if isinstance(final, SRNTT):
        content = load_network(whole.parent / "weights_content.safetensors")
        assert bool(final.transfers) and not bool(content.transfers)
        for key, value in content.content.state_dict().items():
            assert torch.equal(value, final.content.state_dict()[key]), "frozen after its stage"


@pytest.mark.parametrize("name", SMALL)
def test_missing_vgg_stops_before_any_work(tmp_path: Path, train, name: str) -> None:
    with pytest.raises(WeightsError) as caught:
        train(settings(name, {}), tmp_path / "run", vgg=None)
    assert str(caught.value) == (
        "matching textures needs VGG19's weights: give torchvision's vgg19-dcbb9e9d.pth with "
        "--vgg-weights FILE, or fetch them with --download-vgg"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "fields", "text"),
    [
        ("srntt", {"crop": 100}, "at least 64 that is a multiple of 32, not 100; or set loss.adv"),
        ("srntt", {"crop": 32}, "at least 64 that is a multiple of 32, not 32"),
        ("ttsr", {"crop": 100}, "a multiple of 32, not 100; or set loss.adversarial to 0"),
        *((name, {"loss": None}, "all weights of loss are 0") for name in SMALL),
        ("srntt", {"texture_weighting": "inverse"}, "texture_weighting"),
        ("ttsr", {"references": 0}, "references"),
    ],
)
def test_settings_that_do_not_go_together(name: str, fields: dict[str, Any], text: str) -> None:
    model = METHODS[name]
    if "loss" in fields:
        fields = {"loss": dict.fromkeys(model().loss.model_dump(), 0)}  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match=text):
        validated(model, fields, "x")
