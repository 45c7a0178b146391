"""The public names: they cost nothing until they are used, and nothing hides them."""

import inspect
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import degrade
import sr_train

ROOT = Path(__file__).parents[2]
NAMES = [(module, name) for module in (degrade, sr_train) for name in module.__all__]
TIMED = (
    "import time; began = time.perf_counter(); import {name}; print(time.perf_counter() - began)"
)


@pytest.mark.parametrize("name", ["degrade", "sr_train"])
def test_importing_takes_less_than_a_twentieth_of_a_second(name: str) -> None:
    """The best of some tries: the machine may be busy."""
    code = [sys.executable, "-c", TIMED.format(name=name)]
    tries = [subprocess.run(code, cwd=ROOT, capture_output=True, check=True) for _ in range(5)]
    assert min(float(done.stdout) for done in tries) < 0.05


@pytest.mark.parametrize(("module", "name"), NAMES, ids=[name for _, name in NAMES])
def test_every_name_is_there_and_says_what_it_is(module: object, name: str) -> None:
    found = getattr(module, name)
    if name != "__version__":
        assert (inspect.getdoc(found) or "").strip()
        assert found.__name__ == name
    assert name in dir(module)


def test_every_name_has_a_home_and_a_type() -> None:
    """What is looked up lazily is what type checkers see."""
    for module in (degrade, sr_train):
        assert {*module._HOMES} | {"__version__"} >= {*module.__all__}
        reported = inspect.getsource(module).split("if TYPE_CHECKING:")[1].split("\n\n")[0]
        for name, home in module._HOMES.items():
            line = next(line for line in reported.splitlines() if f"from {home} import" in line)
            assert name in line.split("import ")[1].split(", ")


def test_unknown_names_are_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match="module 'degrade' has no attribute 'downscale'"):
        _ = degrade.downscale
    with pytest.raises(ImportError, match="cannot import name 'PairDatasets'"):
        exec("from sr_train import PairDatasets", {})


@pytest.mark.parametrize("module", [degrade, sr_train], ids=lambda module: module.__name__)
def test_no_module_hides_a_name(module: object) -> None:
    """Importing a module sets it on its package, over a function of the same name."""
    modules = [
        found.name for found in pkgutil.walk_packages(module.__path__, module.__name__ + ".")
    ]
    assert len(modules) > 40
    for name in modules:
        if not name.endswith("__main__"):
            import_module(name)
    for name, home in module._HOMES.items():
        assert getattr(module, name) is getattr(import_module(home), name)
