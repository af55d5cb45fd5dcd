"""What happened, newest first: changes and operations from the journal, and events of the daemon beside them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciler.model import Entry, Past, PastResult, PastServer, PastStep, Service, Standing
from reconciler.state.configurations import kept
from reconciler.state.database import FILE, open_database, told
from reconciler.state.directory import prepare
from reconciler.state.runs import Store, is_alive, record

_RUN = 7  # columns of `runs.record`
_ENTRIES = """
    SELECT run.number, run.command, run.user, run.host, run.pid, run.began_at, run.revision,
        run.token, run.ended_at, run.exit_code,
        event.number, event.at, event.kind, event.relationship, event.service, event.severity, event.summary,
        event.details, event.revision, event.finding, event.is_over,
        work.number, work.ended_at, work.outcome, work.description
    FROM event LEFT JOIN work ON work.number = event.work LEFT JOIN run ON run.number = coalesce(work.run, event.run)
"""
_OF_WORK = "part.work = ?1"
# An operation may have a work of its own, without an entry, for what it leaves open when it is killed.
_OF_OPERATION = """
    (step.run = ?1 AND step.part IS NULL) OR part.work IN
        (SELECT number FROM work WHERE run = ?1 AND number NOT IN (SELECT work FROM event WHERE work IS NOT NULL))
"""


def open_history(directory: Path) -> Store | None:
    """Return the store in a state directory to look into; None where there is none. Raises StateError.

    One of an older version is brought to this one's schema first.
    """
    with told(directory):
        if not (directory / FILE).exists():
            return None
    prepare(directory)
    return Store(directory, open_database(directory))


def entries(
    store: Store,
    relationship: str | None = None,
    service: Service | None = None,
    *,
    since: datetime | None = None,
    limit: int = -1,
) -> tuple[Entry, ...]:
    """Return what happened, of one relationship or of all, newest first, at most `limit` of them. Raises StateError."""
    wanted: list[tuple[str, Any]] = []
    if relationship is not None:
        wanted.append(("event.relationship = ?", relationship))
    if service is not None:
        wanted.append(("event.service = ?", service.value))
    if since is not None:
        wanted.append(("event.at >= ?", since.isoformat(timespec="milliseconds")))
    where = f" WHERE {' AND '.join(text for text, _ in wanted)}" if wanted else ""
    query = f"{_ENTRIES}{where} ORDER BY event.number DESC LIMIT ?"
    with told(store.directory):
        rows = store.database.execute(query, (*(value for _, value in wanted), limit)).fetchall()
        return tuple(_entry(row, store.directory) for row in rows)


def lately(store: Store, since: datetime) -> tuple[Entry, ...]:
    """Return what happened since a moment, and the last word on each finding that is open since before it, newest
    first. Raises StateError.
    """
    query = (
        f"{_ENTRIES} WHERE event.at >= ? OR (NOT event.is_over AND event.number IN "  # noqa: S608 - a text of ours
        "(SELECT max(number) FROM event WHERE finding IS NOT NULL GROUP BY finding)) ORDER BY event.number DESC"
    )
    with told(store.directory):
        rows = store.database.execute(query, (since.isoformat(timespec="milliseconds"),)).fetchall()
        return tuple(_entry(row, store.directory) for row in rows)


def past(store: Store, number: int) -> Past | None:
    """Return all that is remembered of one entry, None where there is no such. Raises StateError."""
    with told(store.directory):
        row = store.database.execute(f"{_ENTRIES} WHERE event.number = ?", (number,)).fetchone()
        if row is None:
            return None
        found, work, run = _entry(row, store.directory), row[21], row[0]
        if work is not None:
            return Past(
                found, _servers(store.database, work, json.loads(row[24] or "{}")), _steps(store, _OF_WORK, work)
            )
        return Past(found, steps=() if run is None else _steps(store, _OF_OPERATION, run))


def _entry(row: Sequence[Any], directory: Path) -> Entry:
    token, run_ended_at, exit_code = row[_RUN : _RUN + 3]
    number, at, kind, relationship, service, severity, summary, details, revision, finding, is_over = row[10:21]
    work, work_ended_at, outcome, description = row[21:25]
    has_run = row[0] is not None
    ended_at = work_ended_at if work is not None else run_ended_at
    standing = Standing.ENDED
    if has_run and (ended_at is None or (work is None and exit_code is None)):
        standing = Standing.GOES_ON if not run_ended_at and is_alive(directory, token) else Standing.CUT_OFF
    run = record(row[:_RUN], is_cut_off=standing is Standing.CUT_OFF) if has_run else None
    return Entry(
        number,
        datetime.fromisoformat(at),
        kind,
        relationship,
        None if service is None else Service(service),
        run,
        None if ended_at is None else datetime.fromisoformat(ended_at),
        standing,
        exit_code if work is None else None,
        tuple(
            PastResult(each["server"], each["result"], each["persisted"], each.get("reason", ""))  # not kept by 0.2.0
            for each in json.loads(outcome or "[]")
        ),
        summary,
        severity,
        tuple(json.loads(details)),
        run.revision if run else revision,
        finding,
        bool(is_over),
        json.loads(description).get("back-to") if description else None,
    )


def _servers(database: sqlite3.Connection, work: int, description: dict[str, Any]) -> tuple[PastServer, ...]:
    rows = database.execute(
        "SELECT server, service, version, before, planned FROM part WHERE work = ? ORDER BY number", (work,)
    ).fetchall()
    truth = description.get("authority")
    return tuple(
        PastServer(
            server,
            Service(service),
            version,
            None if truth is None else server == truth,
            kept(database, before),
            kept(database, planned),
        )
        for server, service, version, before, planned in rows
    )


def _steps(store: Store, which: str, number: int) -> tuple[PastStep, ...]:
    rows = store.database.execute(
        "SELECT step.began_at, step.server, step.command, step.result FROM step LEFT JOIN part "  # noqa: S608
        f"ON part.number = step.part WHERE {which} ORDER BY step.number",
        (number,),
    ).fetchall()
    return tuple(PastStep(datetime.fromisoformat(at), *rest) for at, *rest in rows)
