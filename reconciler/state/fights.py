"""When the daemon put which drift right lately: what tells whether an object drifts back again and again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.state.database import has_table, told, transaction
from reconciler.state.runs import Store


def keep_fought(store: Store, relationship: str, marks: Iterable[str], at: datetime, window: timedelta) -> None:
    """Note which changes, by their marks, were made now, and forget what is older than `window`, or of a time to come,
    as from when the clock was ahead. Raises StateError.
    """
    rows = [(relationship, mark, _text(at)) for mark in marks]
    if not rows:
        return
    with told(store.directory), transaction(store.database):
        store.database.execute("DELETE FROM fight WHERE at <= ? OR at > ?", (_text(at - window), _text(at)))
        store.database.executemany("INSERT INTO fight (relationship, mark, at) VALUES (?, ?, ?)", rows)


def fought(
    database: sqlite3.Connection, directory: Path, relationship: str, now: datetime, window: timedelta
) -> dict[str, int]:
    """Return how often each change of a relationship, by its mark, was made within the last time. Raises StateError."""
    query = "SELECT mark, count(*) FROM fight WHERE relationship = ? AND at > ? AND at <= ? GROUP BY mark"
    with told(directory):
        if not has_table(database, "fight"):
            return {}
        return dict(database.execute(query, (relationship, _text(now - window), _text(now))).fetchall())


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
