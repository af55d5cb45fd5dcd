"""What GitHub shows beside the lines of a pull request: workflow commands at file and line.

The runner reads them from the output of a step. It keeps ten of each kind, and takes a line for a command that
begins with `::` and a name (docs.github.com, "Workflow commands for GitHub Actions").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reconciler.model import Position
from reconciler.redaction import visible
from reconciler.reports.numbers import count

MOST: Final = 10
LONGEST: Final = 2000  # characters of a message
_COMMAND = re.compile(r"(?m)^([ \t]*):(?=:[A-Za-z-]+(?: [^\n]*)?::)")


class Level(StrEnum):
    """How much an annotation matters, the most severe first."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Annotation:
    """One remark: a title in a few words, what is to be said, and where in the files, if anywhere."""

    level: Level
    title: str
    message: str
    position: Position | None = None


def commands(annotations: Sequence[Annotation], path_of: Callable[[str], str] = str) -> str:
    """Return annotations as workflow commands, one a line, the most severe first, at most ten of each kind.

    Where there are more, the tenth says how many. `path_of` is how a file is called from the top of the checkout.
    """
    lines: list[str] = []
    for level in Level:
        found = [each for each in annotations if each.level is level]
        if len(found) > MOST:
            more = count(len(found) - MOST + 1, f"more {level}")
            found = [*found[: MOST - 1], Annotation(level, more, "The report has them all.")]
        lines += (_command(each, path_of) for each in found)
    return "\n".join(lines)


def _command(annotation: Annotation, path_of: Callable[[str], str]) -> str:
    told, where = {}, annotation.position
    if where is not None:
        told = {"file": path_of(where.file)}
        told |= {"line": str(where.line), "col": str(where.column)} if where.line else {}
    told["title"] = annotation.title
    properties = ",".join(f"{name}={_property(visible(value))}" for name, value in told.items())
    text = "\n".join(map(visible, annotation.message.split("\n")))
    return f"::{annotation.level} {properties}::{_data(text[:LONGEST])}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def inert(text: str) -> str:
    """Return a text for the output of a step, without any line that the runner would take for a workflow command."""
    return _COMMAND.sub(r"\1\\x3a", text) if "::" in text else text
