"""What webhooks are still to be told, and what each was told of that lasts: kept, for a daemon that starts anew."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence

from reconciler.errors import StateError
from reconciler.model import Event, EventKind, Gravity, Told, Turn
from reconciler.state.database import told, transaction
from reconciler.state.events import COLUMNS, PLACES, event_of, values_of
from reconciler.state.runs import Store

_log = logging.getLogger("reconciler")
Waiting = tuple[int, Event, Turn, Gravity]
"""A notice by its number: the event, what is said of its finding, and how much that matters."""


class Outbox:
    """The notices and the findings told of each webhook, by its name.

    That something can't be kept is said, and stops nothing: the webhook is told all the same, as long as this daemon
    lives.
    """

    def __init__(self, store: Store, hooks: Collection[str]) -> None:
        """Forget what is kept of others than these webhooks. Raises StateError."""
        self._store = store
        with told(store.directory), transaction(store.database):
            for table in ("notice", "told"):
                known = store.database.execute(f"SELECT DISTINCT hook FROM {table}").fetchall()  # noqa: S608 - ours
                gone = [row for row in known if row[0] not in hooks]
                store.database.executemany(f"DELETE FROM {table} WHERE hook = ?", gone)  # noqa: S608 - ours

    def told(self, hook: str) -> dict[str, Told]:
        """Return the findings that last and that a webhook was told of. Raises StateError."""
        query = "SELECT finding, severity, parts FROM told WHERE hook = ?"
        with told(self._store.directory):
            rows = self._store.database.execute(query, (hook,)).fetchall()
        return {
            finding: Told(Gravity(severity), None if parts is None else frozenset(json.loads(parts)))
            for finding, severity, parts in rows
        }

    def waiting(self, hook: str) -> Sequence[Waiting]:
        """Return what a webhook is still to be told, in its order, but for kinds that only other versions have.

        Raises StateError.
        """
        query = f"SELECT number, turn, weight, {COLUMNS} FROM notice WHERE hook = ? ORDER BY number"  # noqa: S608 - ours
        with told(self._store.directory):
            rows = self._store.database.execute(query, (hook,)).fetchall()
        return [
            (number, event_of(*event), Turn(turn), Gravity(weight))
            for number, turn, weight, *event in rows
            if event[1] in set(EventKind)
        ]

    def add(self, hook: str, event: Event, turn: Turn, weight: Gravity) -> int | None:
        """Keep that a webhook is to be told, and so is told, of an event; returns the notice's number."""
        database = self._store.database
        try:
            with told(self._store.directory), transaction(database):
                if turn is Turn.RECOVERED:
                    database.execute("DELETE FROM told WHERE hook = ? AND finding = ?", (hook, event.finding))
                elif event.finding is not None:
                    database.execute(
                        "INSERT OR REPLACE INTO told (hook, finding, severity, parts) VALUES (?, ?, ?, ?)",
                        (hook, event.finding, weight.value, json.dumps(sorted(event.parts))),
                    )
                return database.execute(
                    f"INSERT INTO notice (hook, turn, weight, {COLUMNS}) VALUES (?, ?, ?, {PLACES})",  # noqa: S608
                    (hook, turn.value, weight.value, *values_of(event)),
                ).lastrowid
        except StateError as error:
            _log.error("what %s is to be told can't be remembered: %s", hook, error)
            return None

    def drop(self, number: int) -> None:
        """Forget a notice: it was taken, or given up."""
        try:
            with told(self._store.directory), transaction(self._store.database):
                self._store.database.execute("DELETE FROM notice WHERE number = ?", (number,))
        except StateError as error:
            _log.error("that a webhook was told can't be remembered, it may be told again: %s", error)

    def forget_told(self, hook: str, finding: str) -> None:
        """Forget that a webhook was told of a finding: it is over, and nobody knows when."""
        try:
            with told(self._store.directory), transaction(self._store.database):
                self._store.database.execute("DELETE FROM told WHERE hook = ? AND finding = ?", (hook, finding))
        except StateError as error:
            _log.error("what %s was told can't be forgotten: %s", hook, error)
