"""The daemon's events, kept; and which of its findings are open, for a daemon that starts anew."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection
from datetime import datetime

from reconciler.errors import StateError
from reconciler.model import Event, EventKind, Gravity, Service
from reconciler.model.history import CHANGED
from reconciler.state.database import has_column, told, transaction
from reconciler.state.runs import Store

_log = logging.getLogger("reconciler")
COLUMNS = "at, kind, severity, summary, relationship, service, details, revision, finding, is_over, authority"
PLACES = ", ".join("?" * len(COLUMNS.split(", ")))


class EventKeeper:
    """Keeps events. `keep` is an observer of the daemon; that something can't be kept is said, and stops nothing."""

    def __init__(self, store: Store) -> None:
        """Raises StateError where what is open can't be read."""
        self._store = store
        self._open = dict(open_findings(store))
        self._stale = set(self._open)  # open when the daemon began, and not found again yet
        self._start = _last_change(store)
        self._told_of: dict[str | None, int] = {}  # the journal's last change of each relationship that was told of

    @property
    def open(self) -> Collection[str]:
        """The findings that last."""
        return self._open.keys()

    def keep(self, event: Event) -> None:
        """Keep an event, unless it is a finding that is open as it is, or a change that the journal has."""
        if event.finding is not None:
            self._stale.discard(event.finding)
            known = self._open.get(event.finding)
            if event.is_over:
                self._open.pop(event.finding, None)
            else:
                self._open[event.finding] = event
            if known is not None and not event.is_over and _is_same(known, event):
                return
        try:
            if event.kind is not EventKind.APPLIED or not self._is_in_journal(event):
                keep_event(self._store, event)
        except StateError as error:
            _log.error("an event can't be remembered: %s", error)

    def _is_in_journal(self, event: Event) -> bool:
        """Whether the journal has a change of this process's that was not told of yet: that says it all. One from
        before the daemon began is another process's, whatever its id.
        """
        number = _last_change(self._store, event.relationship)
        known = self._told_of.get(event.relationship, self._start)
        self._told_of[event.relationship] = max(number, known)
        return number > known

    @property
    def is_settled(self) -> bool:
        """Whether of all that was open when the daemon began it is known whether it lasts."""
        return not self._stale

    def settle(self, at: datetime, revision: str, unknown: Collection[str] = ()) -> tuple[Event, ...]:
        """Return the ends of findings that were open when the daemon began, and that it does not find any more.

        To be called when it has looked at everything once, and again as long as there are findings that are `unknown`:
        the looks could not tell whether they last. They are to be told like every event.
        """
        ends = [
            Event(
                at,
                event.kind,
                Gravity.INFO,
                f"over since before the daemon began: {event.summary}",
                event.relationship,
                event.service,
                (),
                revision,
                event.finding,
                is_over=True,
            )
            for key, event in self._open.items()
            if key in self._stale and key not in unknown
        ]
        self._stale.intersection_update(unknown)
        return tuple(ends)


def open_findings(store: Store) -> dict[str, Event]:
    """Return the findings that began and are not over, by their keys. Raises StateError."""
    with told(store.directory):
        is_told = has_column(store.database, "event", "authority")  # earlier versions did not keep that
    columns = COLUMNS if is_told else COLUMNS.replace("authority", "NULL")
    query = (
        f"SELECT {columns} FROM event WHERE number IN "  # noqa: S608 - columns of ours
        "(SELECT max(number) FROM event WHERE finding IS NOT NULL GROUP BY finding) AND NOT is_over ORDER BY number"
    )
    with told(store.directory):
        rows = store.database.execute(query).fetchall()
    events = (event_of(*row) for row in rows if row[1] in set(EventKind))
    return {event.finding: event for event in events if event.finding is not None}


def begun(store: Store) -> dict[str, datetime]:
    """Return since when what is open lasts, by the findings' keys. Raises StateError."""
    query = (
        "SELECT finding, min(at) FROM event AS one WHERE finding IS NOT NULL AND number > coalesce("
        "(SELECT max(number) FROM event WHERE finding = one.finding AND is_over), 0) GROUP BY finding"
    )
    with told(store.directory):
        rows = store.database.execute(query).fetchall()
    return {finding: datetime.fromisoformat(at) for finding, at in rows}


def event_of(
    at: str,
    kind: str,
    severity: str,
    summary: str,
    relationship: str | None,
    service: str | None,
    details: str,
    revision: str,
    finding: str,
    is_over: int,
    authority: str | None,
) -> Event:
    """Return an event as it was kept, by the values of COLUMNS."""
    return Event(
        datetime.fromisoformat(at),
        EventKind(kind),
        Gravity(severity),
        summary,
        relationship,
        None if service is None else Service(service),
        tuple(json.loads(details)),
        revision,
        finding,
        bool(is_over),
        authority=authority,
    )


def _is_same(one: Event, other: Event) -> bool:
    told_of = (one.summary, one.severity, one.details, one.authority)
    return told_of == (other.summary, other.severity, other.details, other.authority)


def values_of(event: Event) -> tuple[str | int | None, ...]:
    """Return what is kept of an event, the values of COLUMNS."""
    return (
        event.at.isoformat(timespec="milliseconds"),
        event.kind.value,
        event.severity.value,
        sound(event.summary),
        event.relationship,
        None if event.service is None else event.service.value,
        json.dumps([*map(sound, event.details)]),
        event.revision,
        event.finding,
        event.is_over,
        event.authority,
    )


def keep_event(store: Store, event: Event) -> None:
    """Keep an event, for the history. Raises StateError."""
    with told(store.directory), transaction(store.database):
        store.database.execute(
            f"INSERT INTO event ({COLUMNS}) VALUES ({PLACES})",  # noqa: S608 - columns of ours
            values_of(event),
        )


def sound(text: str) -> str:
    """Return a text as one that can be kept: a server may send lone surrogates, which are none."""
    return text.encode("utf-8", "backslashreplace").decode()


def _last_change(store: Store, relationship: str | None = None) -> int:
    """Return the number of the last change of this process's, of one relationship or of all, that the journal has; 0
    where it has none. Raises StateError.
    """
    with told(store.directory):
        (number,) = store.database.execute(
            "SELECT max(event.number) FROM event JOIN work ON work.number = event.work "
            "JOIN run ON run.number = work.run "
            "WHERE event.kind = ?1 AND run.pid = ?2 AND ?3 IN (event.relationship, '')",
            (CHANGED, os.getpid(), relationship or ""),
        ).fetchone()
    return int(number or 0)
