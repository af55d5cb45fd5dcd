"""Values and names from configurations as short, unambiguous, harmless text."""

from __future__ import annotations

import json
import re
from typing import Final

from reconciler.model import ABSENT, Json
from reconciler.planning.diff import HIDDEN, HIDDEN_CHANGED
from reconciler.redaction import visible

LONGEST: Final = 72  # characters that one value takes on a line before its middle is left out
LONGEST_NAME: Final = 160  # names are shown whole as far as can be: they tell objects apart
CONTEXT: Final = 12  # characters shown on either side of where two long values differ

# A string that can't be taken for anything else stands without quotes; one that reads as a number or a word of JSON
# keeps them, so that "3600" -> 3600 is seen to be a change.
_BARE = re.compile(r"""[^\s"'\\,;(){}\[\]]+""")
_NUMBER_OR_WORD = re.compile(r"[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?|true|false|null")


def shown_name(text: str) -> str:
    """Return a name (of a server, a relationship, an object) fit for one line."""
    return visible(_shortened(text, LONGEST_NAME))


def shown_pair(before: Json, after: Json) -> tuple[str, str]:
    """Return the two sides of a change fit for one line each.

    A plain string stands as it is, all else as JSON; `ABSENT` and the marks of hidden secrets stand in parentheses,
    which no plain string has. Of long values the part that differs is shown, and how long they are.
    """
    old, new = _text(before), _text(after)
    if len(old) <= LONGEST and len(new) <= LONGEST:
        return visible(old), visible(new)
    start = _equal_at_start(old, new)
    end = min(_equal_at_start(old[::-1], new[::-1]), len(old) - start, len(new) - start)
    return (
        visible(_window(old, start, len(old) - end) + _size(before, old)),
        visible(_window(new, start, len(new) - end) + _size(after, new)),
    )


def _text(value: Json) -> str:
    if value is ABSENT:
        return str(ABSENT)
    if isinstance(value, str) and (value in (HIDDEN, HIDDEN_CHANGED) or _is_plain(value)):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _equal_at_start(one: str, other: str) -> int:
    """Return how many characters two texts begin with together."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _is_plain(text: str) -> bool:
    return bool(_BARE.fullmatch(text)) and not _NUMBER_OR_WORD.fullmatch(text)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{_without_middle(text, limit)} ({len(text)} characters)"


def _size(value: Json, text: str) -> str:
    """Return how long a value is where it is too long to be shown whole; of a string without its quotes."""
    if len(text) <= LONGEST:
        return ""
    return f" ({len(value) if isinstance(value, str) else len(text)} characters)"


def _without_middle(text: str, limit: int) -> str:
    tail = limit // 3
    return text if len(text) <= limit else f"{text[: limit - tail - 3]}...{text[-tail:]}"


def _window(text: str, start: int, stop: int) -> str:
    """Return what lies between `start` and `stop` with some text around it; a text that isn't long as a whole."""
    if len(text) <= LONGEST:
        return text
    left, right = max(0, start - CONTEXT), min(len(text), stop + CONTEXT)
    piece = _without_middle(text[left:right], LONGEST)
    return f"{'...' if left else ''}{piece}{'...' if right < len(text) else ''}"
