"""Messages of the command line in a caller's words."""

import pytest

from degrade.api.texts import as_arguments, in_arguments
from degrade.errors import NoStore, SettingsError, StoreError


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("mine larger patches (--patch 160)", "mine larger patches (patch=160)"),
        ("--max-variance 3.1 would give 10", "max_variance=3.1 would give 10"),
        ("give a smaller --patch, a larger --tile", "give a smaller patch, a larger tile"),
        ("no --max-variance up to 200 would", "no max_variance up to 200 would"),
        ("pass --alpha white or --alpha black", 'pass alpha="white" or alpha="black"'),
        ("train with --no-perceptual", "train with perceptual=False"),
        ("give it with --vgg-weights FILE", "give it with vgg_weights FILE"),
        ("run `degrade build-pairs --tile 96`", "run `degrade build-pairs --tile 96`"),
        ("nothing to change -- here", "nothing to change -- here"),
    ],
)
def test_options_become_arguments(said: str, expected: str) -> None:
    assert as_arguments(said) == expected


def test_errors_keep_their_kind_and_a_store_s_are_values_errors() -> None:
    for raised, kind in ((SettingsError, SettingsError), (StoreError, NoStore)):
        with pytest.raises(kind, match=r"^lower patch=3$") as caught, in_arguments():
            raise raised("lower --patch 3")
        assert isinstance(caught.value, ValueError)
        assert isinstance(caught.value.__cause__, raised)
