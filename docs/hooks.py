"""MkDocs' hook: puts what is generated from the code in the place of its markers in the pages.

A page holds ``<!-- generated: NAME -->`` on a line of its own; NAME is a key of `GENERATED`. The
section of the README with the heading TITLE stands for ``<!-- README: TITLE -->``.
"""

import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))  # MkDocs runs this file alone

from docs.commands import command_pages  # noqa: E402
from docs.tables import disk_table, recipe_tables, store_tables  # noqa: E402

GENERATED = {
    "commands": command_pages,
    "store": store_tables,
    "recipe": recipe_tables,
    "disk": disk_table,
}
MARKER = re.compile(r"^<!-- (generated|README): (.+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Return a page's text with its markers replaced; MkDocs calls this for every page."""
    return MARKER.sub(lambda found: _text(found[1], found[2]), markdown)


def _text(kind: str, name: str) -> str:
    return GENERATED[name]() if kind == "generated" else readme_section(name)


def readme_section(title: str) -> str:
    """Return the README's section under a heading of level 2, without the heading.

    Raises:
        ValueError: The README has no such section.
    """
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    found = re.search(
        rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL
    )
    if found is None:
        raise ValueError(f"README.md: has no section {title!r}, which a page of docs includes")
    return found[1].strip()
