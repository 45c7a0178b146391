"""A small store with everything in it, hostile file names included, and its report."""

import pytest
import yaml
from distributed import Client

from degrade.images.write import write_png
from pipelines.recipes.recipe import Recipe, share_fields
from pipelines.recipes.runner import RunOptions, run_recipe
from pipelines.report.page import write_report
from tests.photos import make_photo, write_photos
from tests.pipelines.report.made import BROKEN, HOSTILE, RECIPE, Made


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Made:
    """A store with every stage and a run; tests must not write into it."""
    folder = tmp_path_factory.mktemp("reported")
    photos = write_photos(folder / "photos", 4)
    write_png(photos / HOSTILE, make_photo(9))
    (photos / BROKEN[0]).mkdir()
    (photos / BROKEN[0] / BROKEN[1]).write_bytes((photos / HOSTILE).read_bytes()[:2000])
    (photos / "words.jpg").write_text("no picture")
    found = Made(folder / "s.zarr", folder / "runs", photos, folder / "report.html")
    recipe = Recipe(**share_fields(yaml.safe_load(RECIPE)))
    options = RunOptions(photos, None, str(found.store), found.runs)
    run_recipe(recipe, options, client)
    write_report(str(found.store), found.report, found.runs)
    return found
