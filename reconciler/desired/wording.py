"""The words of messages about values: what a place is called, what a value may be shown as, what was likely meant."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.desired.documents import Trail
    from reconciler.model import Json

_SECRET = re.compile(r"pass|pwd|secret|token|credential|auth|psk|(^|[-_.])key$", re.IGNORECASE)
_LONGEST_SHOWN = 60


def looks_secret(trail: Trail) -> bool:
    """Whether a key on the way to a value is named like something whose value must not be repeated."""
    return any(isinstance(step, str) and _SECRET.search(step) for step in trail)


def label(trail: Trail) -> str:
    """Return a trail as people write it, such as `peers[1].url`; lists count from 0 as in JSON."""
    text = ""
    for step in trail:
        text += f"[{step}]" if isinstance(step, int) else f".{key(step)}"
    return text.removeprefix(".") or "the document"


def key(name: str) -> str:
    """Return a key fit for a message: shortened, and with everything unprintable escaped."""
    return shorten("".join(char if char.isprintable() else repr(char)[1:-1] for char in name))


def shown(value: Json, trail: Trail) -> str:
    """Return a value fit for a message: its kind where it may be a secret, is large, or can't be printed."""
    if isinstance(value, (dict, list)) or value is None:
        return kind_of(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if looks_secret(trail) or "@" in text or not text.isprintable():
        return f"{kind_of(value)} that is not shown here"
    return f"'{shorten(text)}'" if isinstance(value, str) else text


def kind_of(value: Json) -> str:
    """Return what sort of value it is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "a mapping"


def shorten(text: str) -> str:
    """Return the text, cut where it is too long for a message."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the word that was likely meant, None if none is similar enough."""
    matches = difflib.get_close_matches(word[:_LONGEST_SHOWN].lower(), sorted(words), n=1, cutoff=0.6)
    return matches[0] if matches else None


def listed(words: Iterable[str], conjunction: str = "or") -> str:
    """Return words as a list in a sentence: `a, b or c`."""
    *rest, last = list(words)
    return f"{', '.join(rest)} {conjunction} {last}" if rest else last
