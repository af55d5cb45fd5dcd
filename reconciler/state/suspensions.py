"""Relationships that the daemon is to leave alone for a while."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from reconciler.model import Suspension
from reconciler.state.database import has_table, told, transaction
from reconciler.state.runs import Store, user


def suspend(store: Store, relationship: str, reason: str, until: datetime) -> Suspension:
    """Suspend a relationship, in place of what was said before. Raises StateError."""
    made = Suspension(relationship, reason, user(), datetime.now(UTC), until)
    values = (made.relationship, made.reason, made.user, made.since.isoformat(), made.until.isoformat())
    with told(store.directory), transaction(store.database):
        store.database.execute(
            "INSERT OR REPLACE INTO suspension (relationship, reason, user, since, until) VALUES (?, ?, ?, ?, ?)",
            values,
        )
    return made


def resume(store: Store, relationship: str) -> bool:
    """Take a suspension back; false where there is none. Raises StateError."""
    with told(store.directory), transaction(store.database):
        found = store.database.execute("DELETE FROM suspension WHERE relationship = ?", (relationship,))
        return found.rowcount > 0


def suspensions(database: sqlite3.Connection, directory: Path, now: datetime) -> dict[str, Suspension]:
    """Return those that hold now, by relationship. Raises StateError."""
    with told(directory):
        if not has_table(database, "suspension"):
            return {}
        rows = database.execute("SELECT relationship, reason, user, since, until FROM suspension").fetchall()
    found = (
        Suspension(name, reason, who, datetime.fromisoformat(since), datetime.fromisoformat(until))
        for name, reason, who, since, until in rows
    )
    return {each.relationship: each for each in found if each.until > now}
