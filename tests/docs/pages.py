"""The pages of the documentation as tests read them: with what is generated in its place."""

import re
from pathlib import Path

from docs.hooks import DOCS, on_page_markdown

ROOT = DOCS.parent
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
NAMES = sorted(path.name for path in DOCS.glob("*.md"))


def page(name: str) -> str:
    """Return a page's Markdown as the site shows it."""
    return on_page_markdown((DOCS / name).read_text(encoding="utf-8"))


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return [body for _, kind, body in FENCE.findall(text) if kind == language]


def command_lines(text: str) -> list[str]:
    """Return every line of a page that is a `degrade` command, in fenced or indented blocks."""
    joined = re.sub(r" *\\\n *", " ", text)
    lines = re.findall(r"^ *(?:\.venv/bin/)?(degrade [^\n]+)$", joined, re.MULTILINE)
    return [line for line in lines if "[OPTIONS]" not in line]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as MkDocs makes them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", title).strip().lower() for title in titles]
    return {re.sub(r"[\s-]+", "-", title) for title in plain}


def read(path: Path) -> str:
    """Return a file's text."""
    return path.read_text(encoding="utf-8")
