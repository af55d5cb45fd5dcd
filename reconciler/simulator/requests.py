"""A command as it came over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from reconciler.simulator.configuration.refusal import PLACE
from reconciler.simulator.releases import Release

if TYPE_CHECKING:
    from reconciler.model import Json

DEEPEST = 100
"""Levels of a request, the command itself and what is innermost included."""
_ALLOWED = ("command", "service", "arguments", "remote-address")
_WHERE = PLACE.replace("<wire>:0", "<string>:1")


class BadRequestError(Exception):
    """The body is no JSON, or since 2.6.3 too deep: HTTP 400."""


class Request:
    """Its name, the services it is for, and its arguments; `problem` where it is none.

    Only an agent (`reads_services`) looks at the services.
    """

    __slots__ = ("arguments", "command", "problem", "services")

    def __init__(self, body: bytes, release: Release, *, reads_services: bool) -> None:
        self.command = ""
        self.services: list[str] = []
        self.arguments: Json = None
        try:
            value = orjson.loads(body) if body else None
        except orjson.JSONDecodeError as error:
            raise BadRequestError from error
        if release >= Release.KEA_2_6 and _is_too_deep(value):
            raise BadRequestError
        self.problem = self._read(value, release) or (self._read_services(value) if reads_services else "")

    def _read(self, value: Json, release: Release) -> str:
        if value is None:
            return "Command processing failed: NULL command parameter"
        problem = _problem(value) if release < Release.KEA_2_6 else _problem_since_2_6(value)
        if problem:
            return f"Error during command processing: {problem}"
        self.command, self.arguments = value["command"], value.get("arguments")
        return ""

    def _read_services(self, value: Json) -> str:
        services = value.get("service", [])
        if not isinstance(services, list):
            return "service value must be a list"
        if any(not isinstance(name, str) for name in services):
            return f"Error during command processing: stringValue() called on non-string Element in {_WHERE}"
        self.services = services
        return ""


def _is_too_deep(value: Json) -> bool:
    """Whether anything in a value lies deeper than Kea looks."""
    level = [value]
    for _ in range(DEEPEST - 1):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
        if not level:
            return False
    return any(_inside(outer) for outer in level)


def _inside(value: Json) -> list[Json]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _problem(value: Json) -> str:
    if not isinstance(value, dict):
        return "Invalid command Element specified, expected map"
    for key in value:
        if key not in _ALLOWED:
            return f"Received command contains unsupported parameter '{key}'"
    if "command" not in value:
        return "Invalid answer specified, does not contain mandatory 'command'"
    return "" if isinstance(value["command"], str) else "'command' element in command message is not a string"


def _problem_since_2_6(value: Json) -> str:
    if not isinstance(value, dict):
        return f"invalid command: expected toplevel entry to be a map, got {_kind(value)} instead"
    for key in value:
        if key not in _ALLOWED:
            return f"invalid command: unsupported parameter '{key}'"
    if "command" not in value:
        return "invalid command: does not contain mandatory 'command'"
    if not isinstance(value["command"], str):
        return f"invalid command: expected 'command' to be a string, got {_kind(value)} instead"  # Kea's own slip
    return ""


def _kind(value: Json) -> str:
    names = {dict: "map", list: "list", str: "string", bool: "boolean", int: "integer", float: "real"}
    return names.get(type(value), "null")
