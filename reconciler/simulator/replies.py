"""Answers of a daemon, as it makes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from reconciler.model import Json

Reply = dict[str, Any]

SUCCESS, ERROR, UNSUPPORTED, EMPTY, CONFLICT, MAINTENANCE_REFUSED = 0, 1, 2, 3, 4, 1001
NOTHING: Reply = {}
"""What comes back where a hook fails over a command: the connection is closed without an answer."""


def success(text: str | None = None, arguments: Json = None) -> Reply:
    """Result 0."""
    return _reply(SUCCESS, text, arguments)


def error(text: str) -> Reply:
    """Result 1."""
    return _reply(ERROR, text, None)


def conflict(text: str) -> Reply:
    """Result 4, since 2.3.1: what was to be changed contradicts what is there."""
    return _reply(CONFLICT, text, None)


def empty(text: str, arguments: Json = None) -> Reply:
    """Result 3: nothing was found."""
    return _reply(EMPTY, text, arguments)


def unsupported(command: str) -> Reply:
    """Result 2."""
    return _reply(UNSUPPORTED, f"'{command}' command not supported.", None)


def refused(text: str) -> Reply:
    """Result 1001: the partner does not agree to maintenance."""
    return _reply(MAINTENANCE_REFUSED, text, None)


def _reply(result: int, text: str | None, arguments: Json) -> Reply:
    reply: Reply = {"result": result}
    if text is not None:
        reply["text"] = text
    if arguments is not None:
        reply["arguments"] = arguments
    return reply


def encoded(value: Json) -> bytes:
    """JSON with the keys in order, as Kea's maps are."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def is_map(value: Json) -> bool:
    """Whether a value came as a JSON object."""
    return isinstance(value, Mapping)
