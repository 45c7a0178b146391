"""Pictures and plots inside the page: WebP in data URIs, and SVG in the page's font and colours."""

import base64
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image as Pillow
from PIL import ImageOps

from degrade.arrays import U8
from degrade.errors import DegradeError
from degrade.images.files import open_regular, resolve_inside

THUMBNAIL = 112
"""Longer side of a thumbnail, pixels."""
QUALITY = 75
"""Quality of lossy pictures, and effort of lossless ones, where nothing of it is seen."""
MAX_PIXELS = 120_000_000
"""Larger photos get no thumbnail: decoding them for one takes too long."""


def picture(rgb: U8, *, exact: bool = False) -> str:
    """Return uint8 RGB [H, W, 3] as a data URI; lossless if ``exact``."""
    return _encoded(Pillow.fromarray(np.ascontiguousarray(rgb)), exact=exact)


def thumbnail(folder: str, name: str) -> str:
    """Return a photo's thumbnail as a data URI, or "" if the file shows no picture.

    A file that was refused is often damaged, and one that was checked long ago may be gone; the
    page then says so in the picture's place.
    """
    try:
        path = resolve_inside(Path(folder), name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_regular(path, name) as file, Pillow.open(file) as opened:
                return _small(opened)
    except (OSError, ValueError, SyntaxError, DegradeError, Pillow.DecompressionBombError):
        return ""


def _small(opened: Pillow.Image) -> str:
    if opened.width * opened.height > MAX_PIXELS:
        return ""
    opened.draft("RGB", (2 * THUMBNAIL, 2 * THUMBNAIL))
    upright = ImageOps.exif_transpose(opened)
    if upright.mode.startswith("I"):  # 16 bits a channel
        levels = np.asarray(upright, np.float64) / 257
        upright = Pillow.fromarray(levels.clip(0, 255).astype(np.uint8))
    small = upright.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return _encoded(small, exact=False)


def _encoded(image: Pillow.Image, *, exact: bool) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=exact, quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


INK, FAINT = "#010101", "#020202"
SERIES = ("#030303", "#040404", "#050505", "#060606")
_VARIABLES = {
    INK: "--ink",
    FAINT: "--line",
    **{colour: f"--series-{number}" for number, colour in enumerate(SERIES, 1)},
}
"""Stand-ins that the SVG is drawn with, and the variables of the style sheet they become."""
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


@dataclass(frozen=True)
class Plot:
    """A drawn plot; ``alt`` says in words what it shows."""

    svg: Markup
    alt: str
    caption: str


def plot(name: str, caption: str, alt: str, draw: Callable[[Axes], None]) -> Plot:
    """Draw one plot.

    Args:
        name: Makes the ids in the SVG unique on the page.
        caption: Stands below it.
        alt: What it shows, for those who cannot see it.
        draw: Draws on the axes, with the colours `INK`, `FAINT` and `SERIES` only.
    """
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(4.7, 3.0), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return Plot(Markup(_inline(buffer.getvalue(), name)), alt, caption)


def plain(text: str) -> str:
    """Return text from outside as a label: matplotlib would typeset dollars as mathematics."""
    return text.replace("$", r"\$").lstrip("_")


def _inline(svg: str, name: str) -> str:
    """Return a stand-alone SVG file as an element of the page."""
    inner = svg[svg.index("<svg") :]
    view = re.search(r'viewBox="([^"]+)"', inner)
    assert view is not None
    inner = inner[inner.index(">") + 1 :]
    inner = re.sub(r'\bid="', f'id="{name}-', inner)
    inner = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", inner)
    # A style element would hold for the whole page; the style sheet says the same of plots.
    inner = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", inner, count=1, flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        inner = inner.replace(colour, f"var({variable})")
    return f'<svg viewBox="{view[1]}" aria-hidden="true" focusable="false">{inner.strip()}'
