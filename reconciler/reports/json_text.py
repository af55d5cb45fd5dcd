"""Reports as JSON text: sorted, indented, and harmless on a terminal."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS


def json_text(value: Any) -> str:
    r"""Return a JSON value as text with two spaces of indentation and sorted keys, without a line end at its end.

    Characters that don't print as themselves (terminal sequences, changed direction of writing) stand as JSON's own
    escapes, which every reader undoes, and so does `##[`, which a GitHub runner would take for a command. Lone
    surrogates, which are no text, become `\udcXX` in letters, and numbers that JSON doesn't know become null.
    """
    try:
        text = orjson.dumps(value, option=_OPTIONS).decode()
    except TypeError:  # an integer above 64 bits, a lone surrogate, or deeper than orjson goes
        text = json.dumps(_encodable(value), ensure_ascii=False, indent=2, sort_keys=True)
    if "##[" in text:
        text = text.replace("##[", "#\\u0023[")
    if text.isascii() and "\x7f" not in text:
        return text
    return "\n".join(line if line.isprintable() else _escaped(line) for line in text.split("\n"))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _escaped(line: str) -> str:
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in line)
