"""How the daemon logs on stderr: as text, or one JSON value a line; each line with the revision of desired in force."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from reconciler.model import Event
from reconciler.redaction import visible

_SCRUBBED = Callable[[str], str]


class TextLines(logging.Formatter):
    """`2026-11-26T12:00:00Z WARNING git:0123456789ab hq-dhcp4 has drifted: 1 difference`, and its details below."""

    def __init__(self, scrub: _SCRUBBED, revision: Callable[[], str]) -> None:
        super().__init__()
        self._scrub, self._revision = scrub, revision

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of one record; nothing in it can begin a line of its own."""
        text = visible(self._scrub(record.getMessage()))
        lines = [f"{_time(record)} {record.levelname} {self._revision()} {text}"]
        event = getattr(record, "event", None)
        if isinstance(event, Event):
            lines += [f"    {visible(self._scrub(line))}" for line in event.details]
        return "\n".join(lines)


class JsonLines(logging.Formatter):
    """One JSON value a line: at, level, message, revision; of an event also what it is about."""

    def __init__(self, scrub: _SCRUBBED, revision: Callable[[], str]) -> None:
        super().__init__()
        self._scrub, self._revision = scrub, revision

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        value: dict[str, Any] = {
            "at": _time(record),
            "level": record.levelname.lower(),
            "revision": self._revision(),
            "message": self._scrub(record.getMessage()),
        }
        event = getattr(record, "event", None)
        if isinstance(event, Event):
            value |= {
                "kind": event.kind,
                "relationship": event.relationship,
                "service": event.service,
                "details": [self._scrub(line) for line in event.details],
                "finding": event.finding,
                "is_over": event.is_over,
            }
        return json.dumps(value)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def log_with(formatter: logging.Formatter) -> None:
    """Have everything that is logged go through a formatter."""
    for each in logging.getLogger().handlers:
        each.setFormatter(formatter)
