"""Since when a line of desired/ says what it says: git's own account of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.desired.revision import ask_git

if TYPE_CHECKING:
    from reconciler.model import Position


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit that a line came with: twelve digits, who wrote it and when, and its subject."""

    digits: str
    author: str
    at: datetime
    subject: str


def blame(place: Position) -> Commit | None:
    """Return the commit that the line at a place came with; None outside of git, and where nobody committed it yet.

    The committed file is asked about, never the one in the work tree: filters that a repository configures would be run
    for that.
    """
    path = Path(place.file)
    committed = ask_git(path.parent, "cat-file", "blob", f"HEAD:./{path.name}") if place.line else None
    if committed is None or _line(committed, place.line) != _line(path.read_bytes(), place.line):
        return None
    lines = f"{place.line},{place.line}"
    told = ask_git(path.parent, "blame", "--porcelain", "--no-textconv", "-L", lines, "HEAD", "--", path.name)
    return None if told is None else _commit(told.decode("utf-8", "replace"))


def _line(content: bytes, number: int) -> bytes | None:
    lines = content.splitlines()
    return lines[number - 1] if number <= len(lines) else None


def _commit(porcelain: str) -> Commit | None:
    """Return what `git blame --porcelain` says of one line."""
    first, *rest = porcelain.split("\n")  # a subject may hold what other programs take for the end of a line
    values: dict[str, str] = {}
    for line in rest:
        name, _, value = line.partition(" ")
        values.setdefault(name, value)
    seconds = values.get("author-time", "")
    if not seconds.isdigit():
        return None
    at = datetime.fromtimestamp(int(seconds), UTC)
    return Commit(first[:12], values.get("author", ""), at, values.get("summary", ""))
