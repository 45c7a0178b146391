"""The report in a real browser: nothing to complain of, sliders that move, readable everywhere."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pipelines.report.browser import Tab, browsing, find_browser
from tests.pipelines.report.made import Made

ARROW_RIGHT, TAB = 39, 9
FAINT_TEXT = """
(() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = numbers(getComputedStyle(element).backgroundColor);
      if (colour.length === 3) return colour;
    }
  };
  const found = [];
  for (const element of document.querySelectorAll("body *:not(script)")) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || element.closest("details:not([open]) > :not(summary)")) continue;
    const style = getComputedStyle(element);
    const drawn = element.namespaceURI.endsWith("svg") ? style.fill : style.color;
    const pair = [light(numbers(drawn)), light(behind(element))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) found.push([element.outerHTML.slice(0, 80), ratio]);
  }
  return found;
})()
"""
CUT = "getComputedStyle(document.querySelector('.stack .lr')).clipPath"
SLIDER = "document.querySelector('input[data-sets=\"--cut\"]')"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    program = find_browser()
    if program is None:
        pytest.skip("there is no Chromium here")
    with browsing(program, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def page(tab: Tab, made: Made) -> Tab:
    tab.resize(1280)
    tab.open(made.report)
    return tab


def test_it_opens_without_complaints_and_loads_nothing(page: Tab, made: Made) -> None:
    page.run("window.scrollTo(0, document.body.scrollHeight)")
    page.run("[...document.images].forEach(image => image.loading = 'eager')")
    page.run("Promise.all([...document.images].map(image => image.decode()))")
    assert page.complaints() == []
    outside = [url for url in page.requests() if not url.startswith("data:")]
    assert outside == [made.report.as_uri()]
    assert page.run("document.title").startswith("Report of ")
    assert page.run("[...document.images].every(image => image.naturalWidth > 0)")


def test_a_script_that_is_not_ours_is_not_run(page: Tab) -> None:
    page.run(
        "document.body.append(Object.assign(document.createElement('script'),"
        "{textContent: 'window.owned = 1'}))"
    )
    page.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"owned=1\">')")
    assert any("Content Security Policy" in text for text in page.complaints())
    assert page.run("typeof window.owned") == "undefined"


def test_the_slider_moves_by_keyboard_and_mouse(page: Tab) -> None:
    assert page.run(CUT) == "inset(0px 50% 0px 0px)"
    page.run(f"{SLIDER}.focus()")
    for _ in range(7):
        page.press("ArrowRight", ARROW_RIGHT)
    assert page.run(CUT) == "inset(0px 43% 0px 0px)"
    assert page.run(f"{SLIDER}.parentElement.querySelector('output').value") == "57%"
    page.run(f"{SLIDER}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
    box = page.run(
        f"(() => {{ const b = {SLIDER}.getBoundingClientRect();"
        " return [b.left, b.right, (b.top + b.bottom) / 2] })()"
    )
    left, right, middle = box
    page.drag((left + 0.57 * (right - left), middle), (left + 2, middle))
    assert page.run(CUT) == "inset(0px 100% 0px 0px)"


def test_zoom_enlarges_and_scrolls_within_its_frame(page: Tab) -> None:
    before = page.run("document.querySelector('.stack').offsetWidth")
    page.run(
        "(() => { const i = document.querySelector('input[data-sets=\"--zoom\"]');"
        " i.value = 4; i.dispatchEvent(new Event('input')) })()"
    )
    assert page.run("document.querySelector('.stack').offsetWidth") == pytest.approx(
        4 * before, 0.05
    )
    frame = "document.querySelector('.window')"
    assert page.run(f"{frame}.scrollWidth > 3 * {frame}.clientWidth")
    assert page.run("document.documentElement.scrollWidth") <= 1280


def test_focus_is_seen_and_the_keyboard_reaches_all(page: Tab) -> None:
    page.press("Tab", TAB)
    assert page.run("document.activeElement.className") == "skip"
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press("Tab", TAB)
    assert page.run("document.activeElement.closest('nav') !== null")
    reached = "a, summary, input, .window, pre"
    assert page.run(f"[...document.querySelectorAll('{reached}')].every(e => e.tabIndex === 0)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(page: Tab, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 to 1."""
    page.colours(scheme)
    assert page.run(FAINT_TEXT) == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (390, "light"), (1280, "light")])
def test_it_fits_the_screen(page: Tab, tmp_path: Path, width: int, scheme: str) -> None:
    page.resize(width)
    page.colours(scheme)
    assert page.run("document.documentElement.scrollWidth") <= width
    shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"))
    assert shot.shape[1] == width and shot.shape[0] > 3000
    assert (np.median(shot) < 60) == (scheme == "dark") and shot.std() > 15
