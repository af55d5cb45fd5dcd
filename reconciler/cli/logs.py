"""How the daemon logs on stderr: as text, or one JSON value a line; each line with the revision of desired in force."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import click

from reconciler.cli.session import told_errors
from reconciler.errors import FixInputError
from reconciler.model import Event, Severity
from reconciler.planning.verdict import ExitCode
from reconciler.redaction import visible

_log = logging.getLogger(__name__)
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
    """One JSON value a line: at, level, message, revision (null while none is in force); of an event also what it is
    about.
    """

    def __init__(self, scrub: _SCRUBBED, revision: Callable[[], str]) -> None:
        super().__init__()
        self._scrub, self._revision = scrub, revision

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        value: dict[str, Any] = {
            "at": _time(record),
            "level": record.levelname.lower(),
            "revision": self._revision() or None,
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


@contextlib.contextmanager
def errors_as_lines() -> Iterator[None]:
    """Tell what ends the command as `told_errors` does, with the same exit codes, but as JSON lines of the log: one for
    each problem of a file.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(str, str))  # until there is a session, which knows secrets, and a desired state
    logging.basicConfig(handlers=[handler], force=True)
    try:
        with told_errors():
            try:
                yield
            except FixInputError as error:
                for problem in error.problems:
                    level = logging.WARNING if problem.severity is Severity.WARNING else logging.ERROR
                    _log.log(level, "%s", " ".join(str(problem).split()))
                raise click.exceptions.Exit(ExitCode.ERROR) from error
    except click.ClickException as error:
        _log.error("%s", error.format_message())
        code = ExitCode.USAGE if isinstance(error, click.UsageError) else error.exit_code
        raise click.exceptions.Exit(code) from error
