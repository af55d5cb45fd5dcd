"""What a GitHub runner takes for a workflow command, as its sources parse a line of output (ActionCommand.cs)."""

from __future__ import annotations

import re
from dataclasses import dataclass

COMMANDS = frozenset(
    {"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher"}
    | {"save-state", "set-env", "set-output", "stop-commands", "warning"}
)


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its properties and its text, escapes undone."""

    name: str
    properties: dict[str, str]
    data: str


def lines(text: str) -> list[str]:
    """The lines of an output, as a stream reader of .NET has them."""
    return re.split(r"\r\n|\r|\n", text)


def command(line: str) -> Command | None:
    """Parse one line, in either of the two syntaxes."""
    return _newer(line.lstrip()) or _older(line)


def _newer(line: str) -> Command | None:
    if not line.startswith("::"):
        return None
    end = line.find("::", 2)
    if end < 0:
        return None
    name, _, rest = line[2:end].partition(" ")
    return _command(name, rest.split(","), line[end + 2 :])


def _older(line: str) -> Command | None:
    start = line.find("##[")
    end = line.find("]", start)
    if start < 0 or end < 0:
        return None
    name, _, rest = line[start + 3 : end].partition(" ")
    return _command(name, rest.split(";"), line[end + 1 :])


def _command(name: str, properties: list[str], data: str) -> Command | None:
    if name.lower() not in COMMANDS:
        return None
    pairs = (each.strip().partition("=") for each in properties if "=" in each)
    return Command(name, {key: _plain(value) for key, _, value in pairs}, _plain(data))


def _plain(text: str) -> str:
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escape, character)
    return text
