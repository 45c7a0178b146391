"""The page of commands, written from the command line's own help."""

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from degrade.cli.main import app


def commands() -> Iterator[tuple[str, Any, Any]]:
    """Yield the words, the command and its context, of every verb and, under it, every method."""
    top: Any = typer.main.get_command(app)
    context = top.make_context("degrade", [], resilient_parsing=True)
    for name in top.list_commands(context):
        yield from _below(name, top.commands[name], context)


def _below(words: str, command: Any, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    name = words.rsplit(" ", 1)[-1]
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    yield words, command, context
    for child in getattr(command, "commands", {}):
        yield from _below(f"{words} {child}", command.commands[child], context)


def help_of(command: Any) -> tuple[str, str]:
    """Return a command's description, and its example; empty where it has none."""
    text = inspect.cleandoc(command.help or "")
    before, _, example = text.partition("Example: ")
    return before.strip(), example.strip()


def command_pages() -> str:
    """Return the commands as Markdown: usage, description, example and a table of options."""
    return "\n\n".join(_command(*found) for found in commands())


def _command(words: str, command: Any, context: Any) -> str:
    description, example = help_of(command)
    usage = command.get_usage(context).removeprefix("Usage: ")
    parts = [
        f"{'#' * (2 + words.count(' '))} {words}",
        description,
        f"```text\n{' '.join(usage.split())}\n```",
        f"Example:\n\n```sh\n{example}\n```" if example else "",
        "" if getattr(command, "commands", None) else _options(command, context),
    ]
    return "\n\n".join(part for part in parts if part)


def _options(command: Any, context: Any) -> str:
    records = [parameter.get_help_record(context) for parameter in command.params]
    rows = [f"| `{name}` | {_cell(text)} |" for name, text in filter(None, records)]
    return "\n".join(["| argument or option | meaning |", "|---|---|", *rows])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
