"""The report: whole, self-contained, escaped, bounded, the same bytes for the same store."""

import json
import re
import shlex
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from degrade.errors import DegradeError, SettingsError, StoreError
from degrade.images.write import write_png
from degrade.pairs import PairSettings
from degrade.store.backend import open_for_writing
from degrade.store.reader import open_store
from degrade.store.stages import StageIdentity
from degrade.store.writer import begin_stage
from pipelines.recipes.runner import RunOptions, run_recipe
from pipelines.report.page import write_report
from pipelines.report.remake import recipe_of, remake_body
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.pipelines.report.made import BROKEN, HOSTILE, Made

VOID = {"meta", "link", "img", "input", "br", "hr"}


class Page(HTMLParser):
    """Every element with its attributes; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def page(made: Made) -> Page:
    return Page(made.text)


def test_every_section_shows_something(made: Made, tmp_path: Path) -> None:
    written = write_report(str(made.store), tmp_path / "r.html", made.runs)
    shows = written.sections
    assert shows["Sources"] == "5 usable, 2 refused"
    assert re.fullmatch(r"\d of 5 accepted", shows["Kernels x2"])
    assert re.match(r"\d+ patches, standard deviation \d", shows["Noise"])
    assert re.match(r"\d+ pairs of 24 pixels, \d+ for validation", shows["Pairs x2"])
    assert shows["Training"] == "1 run" and shows["Timings"] == "1 recipe run"
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Trained on this store; 4 steps recorded; validation tiles at the end: PSNR in" in text
    assert written.bytes == (tmp_path / "r.html").stat().st_size


def test_tags_match_and_ids_are_unique_and_known(page: Page) -> None:
    assert page.elements[0][0] == "html" and len(page.all("section")) == 8
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert max(ids.values()) == 1
    for _, attributes in page.elements:
        for name in ("for", "aria-labelledby", "data-stack"):
            assert name not in attributes or attributes[name] in ids
        for name in ("href", "xlink:href"):
            if attributes.get(name, "").startswith("#"):
                assert attributes[name][1:] in ids


def test_nothing_is_loaded(made: Made, page: Page) -> None:
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "srcset", "data"):
            assert re.match(r"$|#|data:", attributes.get(name, "")), (tag, name)
        assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(r"https?://|@import|//cdn|url\((?!#)", made.text)
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'; img-src data:;") and "http" not in policy


def test_pictures_have_words_and_headings_are_in_order(page: Page) -> None:
    pictures = page.all("img")
    assert len(pictures) > 40 and all(picture["alt"].strip() for picture in pictures)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1 and max(np.diff(levels)) <= 1
    drawn = [a for a in page.all("div") if a.get("role") == "img"]
    assert len(drawn) == len(page.all("svg")) >= 4
    assert all(a["aria-label"] for a in drawn)
    labels = {label["for"] for label in page.all("label")}
    assert {range_["id"] for range_ in page.all("input")} == labels


def test_names_are_escaped_and_every_refused_file_is_there(made: Made, page: Page) -> None:
    words = "".join(page.words)
    for name in (HOSTILE, "/".join(BROKEN), "words.jpg"):
        assert name in words
    assert "no PNG, JPEG" in words and "truncated" in words
    assert len(page.all("script")) == len(page.all("style")) == 1 and not page.all("b")
    assert {picture["src"][:23] for picture in page.all("img")} == {"data:image/webp;base64,"}


def test_the_same_store_gives_the_same_bytes(made: Made, tmp_path: Path) -> None:
    again = tmp_path / "again.html"
    write_report(str(made.store), again, made.runs)
    assert again.read_bytes() == made.report.read_bytes()


def test_large_noisy_tiles_stay_small_enough_to_mail(tmp_path: Path, client: Client) -> None:
    """Random pixels are what compresses worst."""
    photos = tmp_path / "photos"
    for seed in range(8):
        pixels = np.random.default_rng(seed).integers(0, 256, (256, 512, 3), np.uint8)
        write_png(photos / f"{seed}.png", pixels)
    check_photos(str(tmp_path / "s"), client, source=photos)
    settings = PairSettings(scale=2, tile=256, cleanup=1, kernels="bicubic")
    build_pairs(str(tmp_path / "s"), client, settings)
    written = write_report(str(tmp_path / "s"), tmp_path / "r.html", tmp_path / "runs")
    text = (tmp_path / "r.html").read_text()
    assert "15 of 16 pairs, spread evenly, the middle of each" in text
    assert 1_000_000 < written.bytes < 3_000_000


def test_a_store_with_nothing_says_so(tmp_path: Path) -> None:
    open_for_writing(str(tmp_path / "s"))
    shows = write_report(str(tmp_path / "s"), tmp_path / "r.html", tmp_path / "none").sections
    assert shows["Sources"].endswith("has no sources; run `degrade check SRC` first")
    assert shows["Kernels"] == "The store has no kernels; run `degrade estimate-kernels`."
    assert shows["Noise"].endswith("has no noise; run `degrade mine-noise` first")
    assert shows["Training"] == f"There is no run in {tmp_path / 'none'}."
    words = "".join(Page((tmp_path / "r.html").read_text()).words)
    assert all(text in words for text in shows.values())


def test_runs_of_another_store_are_recognised(made: Made, tmp_path: Path) -> None:
    open_for_writing(str(tmp_path / "s"))
    write_report(str(tmp_path / "s"), tmp_path / "r.html", made.runs)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Trained on other data than this store; 4 steps" in text


def test_unfinished_and_damaged_stages_say_so(made: Made, tmp_path: Path) -> None:
    store = tmp_path / "s"
    shutil.copytree(made.store, store)
    begin_stage(str(store), "kernels/x4", StageIdentity("estimate-kernels", {}, {}))
    (store / "pairs/x2/hr/c/0/0/0/0").unlink()
    shows = write_report(str(store), tmp_path / "r.html", made.runs).sections
    assert "is unfinished; run `degrade estimate-kernels --scale 4` again" in shows["Kernels x4"]
    assert "missing or cut short; run `degrade verify --repair`" in shows["Pairs x2"]
    assert "accepted" in shows["Kernels x2"]
    Page((tmp_path / "r.html").read_text())


def test_photos_that_are_gone_leave_their_names(made: Made, tmp_path: Path) -> None:
    store = tmp_path / "s"
    shutil.copytree(made.store, store)
    group = json.loads((store / "sources/zarr.json").read_text())
    group["attributes"]["folders"]["source"] = str(tmp_path / "gone")
    (store / "sources/zarr.json").write_text(json.dumps(group))
    metadata = store / "zarr.json"
    assert "consolidated" not in metadata.read_text()
    write_report(str(store), tmp_path / "r.html", made.runs)
    text = (tmp_path / "r.html").read_text()
    assert text.count("the file is gone or cannot be read") == 5 and "photo 3.png" in text


def test_the_recipe_makes_the_same_store(made: Made, tmp_path: Path, client: Client) -> None:
    store = open_store(made.store)
    recipe = recipe_of(store.stages(), store.sources(), 2)
    assert recipe is not None
    again = tmp_path / "again.zarr"
    run_recipe(recipe, RunOptions(made.photos, None, str(again), tmp_path / "runs"), client)
    contents = {name: stage["content"] for name, stage in open_store(again).stages().items()}
    assert len(contents) == 5
    assert contents == {name: store.stages()[name]["content"] for name in contents}


def test_commands_are_shown_and_can_be_run(made: Made, tmp_path: Path, degrade: Command) -> None:
    words = "".join(Page(made.text).words)
    assert f"degrade run remake_x2.yaml {made.photos} --store {made.store}" in words
    assert f"degrade train psnr --name tiny --runs {made.runs} --config " in words
    store = tmp_path / "the store's copy"
    shutil.copytree(made.store, store)
    build = ("build-references", "--scale", 2, "--count", 1, "--from", made.photos)
    assert degrade(*build, "--store", store, "--overwrite").code == 0
    _, references = remake_body(open_store(store), made.runs).remakes[0].commands.splitlines()
    again = references.replace("FOLDER_OF_PHOTOS", shlex.quote(str(made.photos)))
    answer = degrade(*shlex.split(again)[1:])
    assert answer.code == 0 and answer.out.startswith("references x2: 1 for each of ")


def test_a_fidelity_result_is_shown(made: Made, tmp_path: Path) -> None:
    scores = [
        {"column": "real against real", "auc": 0.49, "deviation": 0.01, "splits": [0.48, 0.5]},
        {"column": "<b>$\\frac$", "auc": 0.89, "deviation": 0.01, "splits": [0.88, 0.9]},
    ]
    scores[1] |= {"distance": 1.5, "gain": -0.25}
    difference = {"name": "noise", "unit": "levels²", "distance": 4.0, "chance": 0.5}
    curves = {"option": "--noise-model scaled", "real": [1, 2, 3], "synthetic": [2, 2, 2]}
    result = {"photos": 30, "patches": 9, "scores": scores, "compared": "kernels & $"}
    result |= {"differences": [difference | curves], "finding": "The largest is noise."}
    (tmp_path / "f.json").write_text(json.dumps(result))
    written = write_report(
        str(made.store), tmp_path / "r.html", made.runs, fidelity=tmp_path / "f.json"
    )
    assert written.sections["Fidelity"] == "real against real 0.49, <b>$\\frac$ 0.89"
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    words = " ".join("".join(page.words).split())
    for text in ("<b>$\\frac$", "The largest is noise.", "8.0", "--noise-model scaled", "-0.25"):
        assert text in words
    assert len(page.all("svg")) == len(Page(made.text).all("svg")) + 2 and not page.all("b")


def test_a_run_that_was_killed_is_shown_as_far_as_it_came(made: Made, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(made.runs, runs)
    (runs / "tiny/manifest.json").write_text('{"recipe"')
    with (runs / "tiny/log/metrics.jsonl").open("a") as file:
        file.write('{"stage": "psnr", "step": 4, "</svg><b>$\\\\x$": 1}\n{"stage": "psnr", "st')
    (runs / "tiny/samples/00000004.png").write_bytes(b"cut")
    shows = write_report(str(made.store), tmp_path / "r.html", runs).sections
    text = (tmp_path / "r.html").read_text()
    assert shows["Training"] == "1 run" and "4 steps recorded" in text
    assert "tiny/manifest.json cannot be read" in text and not Page(text).all("b")


def test_the_command_line(made: Made, degrade: Command) -> None:
    answer = degrade("report", "--store", made.store, "--runs", made.runs, "--json")
    found = one_object(answer)
    assert found["path"] == "report.html" and Path("report.html").stat().st_size == found["bytes"]
    Path("folder").mkdir()
    refused = degrade("report", "--store", made.store, "--out", "folder")
    assert refusal(refused) == "folder: is a folder; name a file with --out"
    Path("bad.json").write_text("[1]")
    bad = degrade("report", "--store", made.store, "--fidelity", "bad.json")
    assert "bad.json: is no fidelity result; give what `degrade fidelity --json` pr" in refusal(bad)
    assert "no store here; run `degrade check" in refusal(degrade("report", "--store", "none"))


def test_without_the_extra(degrade: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("degrade.cli.report.PACKAGES", ("jinja2", "no_such_package"))
    assert refusal(degrade("report")) == (
        "the report needs no_such_package, which is not installed: pip install 'degrade[report]'"
    )


def test_what_cannot_be_written_or_read_is_refused(made: Made, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DegradeError, match="cannot be written"):
        write_report(str(made.store), tmp_path / "file" / "r.html", made.runs)
    with pytest.raises(SettingsError, match=r"none\.json: cannot be read as JSON"):
        write_report(str(made.store), tmp_path / "r.html", made.runs, tmp_path / "none.json")
    with pytest.raises(StoreError, match="no store here"):
        write_report(str(tmp_path / "none"), tmp_path / "r.html", made.runs)
    assert not (tmp_path / "r.html").exists()
