"""The command line itself: help, exit codes, --json, --debug; options reach their stage."""

import inspect
import json
import re
import shlex
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import typer

from degrade.cli import from_settings, main
from degrade.errors import StoreError
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.store.reader import open_store
from tests import fresh
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.photos import write_photos

VERBS = ("check", "estimate-kernels", "mine-noise", "build-pairs", "train", "upscale", "evaluate")
VERBS += ("run", "info", "demo")


def commands() -> dict[str, Any]:
    """Return every verb that does work, by its words, as no command has shown its help yet."""
    found: dict[str, Any] = {}
    kept: Any = typer.main.get_command  # by a fixture of all tests
    top: Any = getattr(kept, "__wrapped__", kept)(main.app)
    for name, command in top.commands.items():
        methods = getattr(command, "commands", None)
        found |= {f"{name} {method}": methods[method] for method in methods or ()}
        found |= {} if methods else {name: command}
    return found


def test_verbs_stand_in_pipeline_order(degrade: Command) -> None:
    answer = degrade("--help")
    assert answer.code == 0
    listed = re.findall(r"^\W ([a-z][a-z-]+) ", answer.out, re.MULTILINE)
    assert tuple(verb for verb in listed if verb in VERBS) == VERBS


@pytest.mark.parametrize("name", commands())
def test_help_has_an_example_that_parses(degrade: Command, name: str) -> None:
    answer = degrade(*name.split(), "--help")
    assert answer.code == 0 and "Example: degrade " in answer.out
    text = inspect.cleandoc(commands()[name].help or "")
    example = shlex.split(text.split("Example: ")[1].splitlines()[0].split(" > ")[0])
    assert example[: 1 + len(name.split())] == ["degrade", *name.split()]
    commands()[name].make_context(name, example[1 + len(name.split()) :])


@pytest.mark.parametrize("name", commands())
def test_every_option_is_explained(name: str) -> None:
    for parameter in commands()[name].params:
        assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_options_of_settings_have_their_help_default_and_choices() -> None:
    """A default or a choice that is written only once cannot be another one elsewhere."""
    seen = 0
    for name, command in commands().items():
        texts = [getattr(parameter, "help", None) for parameter in command.params]
        origins = [from_settings._ORIGINS.get(text or "") for text in texts]
        context = command.make_context(name, [], resilient_parsing=True)
        for parameter, origin in zip(command.params, origins, strict=True):
            if origin is None:
                continue
            field, seen = origin.read(), seen + 1
            said = parameter.help.removeprefix(f"{origin.whose}: ").lower()
            assert field.description and said.startswith(field.description.lower()), name
            expected = None if origin.left_out else field.get_default()
            assert parameter.default == expected, (name, parameter.name)
            kind = next((k for k in get_args(field.annotation) if get_args(k)), field.annotation)
            if get_origin(kind) is Literal and parameter.name != "scale":
                shown = parameter.get_help_record(context)[0]
                assert "|".join(get_args(kind)) in shown, (name, parameter.name)
    assert seen > 25


def test_version(degrade: Command) -> None:
    from degrade import __version__

    assert degrade("--version").out.strip() == f"degrade {__version__}"


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "estimate-kernel",
        "--frobnicate",
        "check --frobnicate",
        "check one two",
        "check --scale four",
        "check --gray pink",
        "check --workers -1",
        "mine-noise --patch",
        "build-pairs --kernels magic",
        "estimate-kernels --seed -1",
        "estimate-kernels --device abacus",
        "train",
        "train edsr",
        "train esrgan --steps 0",
        "upscale",
        "upscale weights.safetensors in",
        "upscale weights.safetensors in out --device abacus",
        "evaluate",
        "evaluate --hr hr",
        "evaluate --hr hr --sr sr --lr lr",
        "evaluate weights.safetensors --hr hr",
        "run",
        "info extra",
    ],
)
def test_wrong_usage_exits_2(degrade: Command, tmp_path: Path, arguments: str) -> None:
    answer = degrade(*arguments.split())
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback_before_and_after_the_verb(
    degrade: Command, tmp_path: Path
) -> None:
    for arguments in (("--debug", "info"), ("info", "--debug")):
        with pytest.raises(StoreError):
            degrade(*arguments)
    ended = fresh.run("from degrade.cli.main import run; run()", "info", "--debug", cwd=tmp_path)
    assert ended.returncode == 1 and ended.stdout == ""
    assert "Traceback (most recent call last)" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("degrade.errors.StoreError: ./degrade.zarr")


def test_json_is_one_object_for_each_stage(degrade: Command, photos: Path) -> None:
    counted = one_object(degrade("check", photos, "--tile", 32, "--patch", 32, "--json"))
    assert counted["usable"] == {"source": 5, "target": 0}
    assert counted["forecast"]["photos"] == 5
    mined = one_object(degrade("mine-noise", "--patch", 16, "--json"))
    assert mined["patches"] > 0 and mined["windows"] == 5 * 80
    small = ("--scale", 2, "--tile", 32, "--kernels", "bicubic", "--valid", 0.2)
    built = one_object(degrade("build-pairs", *small, "--json"))
    assert built == {"pairs": 30, "valid": 6, "photos": 5, "refused": []}
    held = one_object(degrade("info", "--json"))
    assert set(held["stages"]) == {"sources", "noise", "pairs/x2"}
    shown = degrade("info").out
    assert "pairs/x2" in shown and "hr [30, 32, 32, 3]" in shown


def test_json_of_the_demo(degrade: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines import demo
    from sr_train.evaluation.scoring import Scores

    scores = Scores(30.0, 0.9, 0.8)
    found = {"blur": demo.Finding(0.35, 0.2, 0.4)}
    report = demo.DemoReport(found, 0.3, scores, scores, "demo.png", "w", "demo.pth")
    monkeypatch.setattr(demo, "run_demo", lambda folder, client: report)
    assert one_object(degrade("demo", "--workers", 0, "--json"))["phone"]["blur"]["truth"] == 0.35
    shown = degrade("demo", "--workers", 0).out
    assert re.search(r"blur +0\.35 +0\.2 +0\.4 ", shown) and "picture: demo.png" in shown
    assert "for chaiNNer and ComfyUI: demo.pth" in shown


def test_a_refusal_leaves_stdout_empty_with_json_too(degrade: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments in (("info",), ("check", "empty"), ("run", "nosuch"), ("mine-noise",)):
        refusal(degrade(*arguments, "--json"))


def test_text_names_counts_and_what_a_run_needs(degrade: Command, photos: Path) -> None:
    shown = degrade("check", photos, "--scale", 2, "--tile", 32, "--patch", 32).out
    assert "source: 5 of 5 images usable, 160x128 to 160x128" in shown
    assert "mine-noise sees 100 windows" in shown
    assert "build-pairs gives 30 pairs from 5 of 5 photos" in shown
    assert "none are large enough" not in shown
    shown = degrade("check", photos, "--scale", 2).out
    assert "none are large enough: give a smaller --tile or --patch, or --cleanup 1" in shown


def test_the_store_may_come_from_the_environment(
    degrade: Command, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEGRADE_STORE", str(tmp_path / "elsewhere.zarr"))
    assert degrade("check", photos).code == 0
    assert open_store(tmp_path / "elsewhere.zarr").sources().path.size == 5
    assert not (tmp_path / "degrade.zarr").exists()


def test_noise_options_reach_the_stage(degrade: Command, photos: Path, tmp_path: Path) -> None:
    wanted: dict[str, Any] = {
        "patch": 17,
        "stride": 19,
        "max_variance": 33.0,
        "min_variance": 0.5,
        "min_mean": 7.0,
        "max_structure": 0.9,
        "max_clipped": 0.5,
        "group": "none",
    }
    assert set(wanted) == set(NoiseSettings.model_fields)
    answer = degrade("mine-noise", photos, *as_options(wanted))
    assert answer.code == 0, answer.err
    assert parameters(tmp_path, "noise") == wanted


def test_pair_options_reach_the_stage(degrade: Command, photos: Path, tmp_path: Path) -> None:
    degrade("mine-noise", photos, "--patch", 16)
    wanted: dict[str, Any] = {
        "scale": 3,
        "tile": 48,
        "cleanup": 1,
        "kernels": "bicubic",
        "bake_noise": True,
        "noise_model": "scaled",
        "valid": 0.4,
        "seed": 5,
        "degradation": "linear",
    }
    by_recipe = {"use_target": True}
    # Of these bicubic kernels nothing is open: tests/pipelines/test_kernel_jitter.py
    assert {*wanted, *by_recipe, "kernel_jitter"} == set(PairSettings.model_fields)
    answer = degrade("build-pairs", *as_options(wanted))
    assert answer.code == 0, answer.err
    del wanted["degradation"]  # the published way, which goes without saying
    assert parameters(tmp_path, "pairs/x3") == wanted | by_recipe


def test_kernel_options_reach_the_stage(
    degrade: Command, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.stages import estimate_kernels as stage

    seen: dict[str, Any] = {}

    def estimate(location: str, client: object, settings: Any, **options: Any) -> Any:
        seen.update(settings.model_dump(), **options)
        return stage.KernelsReport(1, 1, 0.9, 1.0, 1.0, ())

    monkeypatch.setattr(stage, "estimate_kernels", estimate)
    wanted: dict[str, Any] = {
        "scale": 2,
        "iterations": 44,
        "restarts": 3,
        "lanes": 6,
        "as_published": True,
        "seed": 9,
        "device": "cpu",
        "overwrite": True,
    }
    answer = degrade("estimate-kernels", photos, *as_options(wanted))
    assert answer.code == 0, answer.err
    assert wanted.items() <= seen.items()


def test_decoding_options_reach_the_stage(degrade: Command, photos: Path, tmp_path: Path) -> None:
    wanted: dict[str, Any] = {
        "gray": "refuse",
        "alpha": "black",
        "sixteen_bit": "reduce",
        "cmyk": "convert",
        "max_pixels": 123_456,
    }
    degrade("check", photos, *as_options(wanted))
    assert parameters(tmp_path, "sources") == wanted


@pytest.mark.parametrize("verb", ["check", "build-pairs"])
def test_at_scale_3_the_default_tile_is_a_multiple(
    degrade: Command, photos: Path, verb: str
) -> None:
    bicubic = ["--kernels", "bicubic"] if verb == "build-pairs" else []
    answer = degrade(verb, photos, "--scale", 3, *bicubic)
    assert "255" in (answer.out if verb == "check" else refusal(answer))


def as_options(wanted: dict[str, Any]) -> list[str]:
    options = []
    for name, value in wanted.items():
        options.append(f"--{name.replace('_', '-')}")
        options += [] if value is True else [str(value)]
    return options


def parameters(folder: Path, group: str) -> dict[str, Any]:
    stages = open_store(folder / "degrade.zarr").stages()
    found: dict[str, Any] = json.loads(json.dumps(stages[group]["parameters"]))
    return found


def test_a_seed_alone_does_not_choose_the_estimator(degrade: Command, photos: Path) -> None:
    said = refusal(degrade("estimate-kernels", photos, "--scale", 2, "--seed", 3))
    assert said.startswith("--seed: the spectral estimator draws nothing at random; leave it out")


def test_check_knows_which_scales_there_are(degrade: Command, photos: Path) -> None:
    said = refusal(degrade("check", photos, "--scale", 5))
    assert said == "check: scale: input should be 2, 3, 4 or 8, not 5"


def test_check_without_a_folder_checks_the_known_one_again(
    degrade: Command, tmp_path: Path
) -> None:
    folder = write_photos(tmp_path / "photos", 2)
    degrade("check", folder)
    (folder / "photo 1.png").write_bytes(b"")
    answer = one_object(degrade("check", "--json"))
    assert answer["refused"] == [["photo 1.png", "is empty (0 bytes)"]]
