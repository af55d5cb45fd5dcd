"""Colour for terminals: whether there is any is the caller's word, never looked up here."""

from __future__ import annotations

from enum import StrEnum


class Style(StrEnum):
    """How a piece of text is to stand out, as the parameters of the terminal's SGR sequence (ECMA-48, 8.3.117)."""

    HEADING = "1"
    QUIET = "2"
    ADDED = "32"
    CHANGED = "33"
    DELETED = "31"
    GOOD = "32"
    WARNING = "33"
    BAD = "1;31"


def paint(text: str, style: Style, *, colour: bool) -> str:
    """Return `text` in a style, as it is without `colour`. It must be free of terminal sequences of its own."""
    return f"\x1b[{style.value}m{text}\x1b[0m" if colour and text else text
