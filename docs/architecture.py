"""Draws ARCHITECTURE.md's picture and table from the code. Run: python -m docs.architecture.

The picture is that of pyproject.toml's import layers, which `lint-imports` enforces; the table has
the first sentence of each package's ``__init__``.
"""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "ARCHITECTURE.md"
PACKAGES = ("degrade", "sr_train", "pipelines")
BLOCK = re.compile(r"<!-- (picture|rooms) -->\n.*?<!-- end -->", re.DOTALL)


def layers() -> list[list[str]]:
    """Return the modules of each import layer; a layer may import those that come after it."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contracts = tools["importlinter"]["contracts"]
    (found,) = (
        contract["layers"]
        for contract in contracts
        if contract["type"] == "layers" and "containers" not in contract  # those of the packages
    )
    return [re.split(r"\s*[:|]\s*", layer) for layer in found]


def picture() -> str:
    """Return the layers as a Mermaid flowchart: an arrow leads from who imports to what is."""
    lines = ["```mermaid", "flowchart TD"]
    for number, modules in enumerate(layers()):
        names = "<br/>".join(modules) if len(modules) < 5 else _in_rows(modules)
        lines.append(f'    layer{number}["{names}"]')
        if number:
            lines.append(f"    layer{number - 1} --> layer{number}")
    return "\n".join([*lines, "```"])


def _in_rows(modules: list[str]) -> str:
    rows = [modules[start : start + 3] for start in range(0, len(modules), 3)]
    return "<br/>".join(" · ".join(row) for row in rows)


def rooms() -> str:
    """Return a table of every package and what it is for."""
    lines = ["| room | what |", "|---|---|"]
    for package in PACKAGES:
        for init in sorted((ROOT / package).rglob("__init__.py")):
            room = init.parent.relative_to(ROOT).as_posix()
            said = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
            first = said.splitlines()[0] if said else ""
            lines.append(f"| `{room}` | {first} |")
    return "\n".join(lines)


def page() -> str:
    """Return ARCHITECTURE.md with what is drawn from the code as it is now."""
    drawn = {"picture": picture, "rooms": rooms}
    text = FILE.read_text(encoding="utf-8")
    return BLOCK.sub(lambda at: f"<!-- {at[1]} -->\n{drawn[at[1]]()}\n<!-- end -->", text)


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
