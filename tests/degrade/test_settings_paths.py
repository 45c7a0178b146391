"""Which setting a wrong key may have meant."""

import pytest
from pydantic import BaseModel, ConfigDict

from degrade.errors import SettingsError
from degrade.settings import validated
from degrade.settings_paths import meant


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    learning_rate: float = 1.0
    steps: int = 1


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    psnr: Part = Part()
    gan: Part | None = None
    every: tuple[Part, ...] = ()
    tile: int = 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("learning_rate", ["psnr.learning_rate", "gan.learning_rate", "every.learning_rate"]),
        ("learnin_rate", ["psnr.learning_rate", "gan.learning_rate", "every.learning_rate"]),
        ("psnr.learning_rates", ["psnr.learning_rate", "gan.learning_rate", "every.learning_rate"]),
        ("psnr.tile", ["tile"]),
        ("titel", []),
        ("tiles", ["tile"]),
        ("colour", []),
    ],
)
def test_meant(path: str, expected: list[str]) -> None:
    assert meant(path, Whole) == expected


def test_the_message_has_the_full_path() -> None:
    with pytest.raises(SettingsError) as refused:
        validated(Whole, {"psnr": {"tile": 3}, "colour": 1}, "x")
    assert str(refused.value) == (
        "x: psnr.tile: unknown key (did you mean tile?); colour: unknown key"
    )
