"""How long things are remembered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.state.database import told, transaction
from reconciler.state.runs import Store, is_alive, lock_file, now

DAYS, LEAST, MOST = 30, 20, 500
MOST_EVENTS = 10_000


def forget(store: Store, moment: datetime | None = None) -> None:
    """Delete runs older than DAYS, but not the last LEAST, and all beyond the last MOST, with what only they need; the
    last of each relationship are meant, so that one that changes all the time takes none from the others.

    Runs that sent nothing to any server count only among the last LEAST. A run that goes on, or left something open
    that is not settled yet, is never forgotten. Events of the daemon go after DAYS, or beyond the last MOST_EVENTS,
    but for those of findings that are still open; so does what a webhook did not take for DAYS. Raises StateError.
    """
    with told(store.directory):
        _forget(store, moment)


def _forget(store: Store, moment: datetime | None) -> None:
    database = store.database
    oldest = ((moment or datetime.now(UTC)) - timedelta(days=DAYS)).isoformat(timespec="milliseconds")
    with transaction(database):
        _close_those_cut_off(store)
        database.execute(
            "DELETE FROM run WHERE ended_at IS NOT NULL AND number <= (SELECT max(number) FROM run) - ? "
            "AND number NOT IN (SELECT run FROM work) AND number NOT IN (SELECT run FROM step)",
            (LEAST,),
        )
        database.execute(
            """
            DELETE FROM run WHERE number IN (
                SELECT number FROM (
                    SELECT DISTINCT run.number, relationship, service, run.began_at, run.ended_at, dense_rank() OVER (
                        PARTITION BY relationship, service ORDER BY run.number DESC
                    ) AS place FROM run LEFT JOIN work ON work.run = run.number
                ) GROUP BY number
                HAVING ended_at IS NOT NULL AND (min(place) > ? OR (min(place) > ? AND began_at < ?))
            ) AND number NOT IN (
                SELECT work.run FROM work JOIN part ON part.work = work.number WHERE part.settled_at IS NULL
            )
            """,
            (MOST, LEAST, oldest),
        )
        database.execute(
            """
            DELETE FROM event WHERE work IS NULL AND run IS NULL
                AND (at < ? OR number <= (SELECT max(number) FROM event) - ?)
                AND number NOT IN (
                    SELECT number FROM (SELECT max(number) AS number, is_over FROM event
                        WHERE finding IS NOT NULL GROUP BY finding) WHERE NOT is_over
                )
            """,
            (oldest, MOST_EVENTS),
        )
        database.execute("DELETE FROM notice WHERE at < ?", (oldest,))
        database.execute(
            "DELETE FROM configuration WHERE digest NOT IN "
            "(SELECT before FROM part UNION SELECT planned FROM part WHERE planned IS NOT NULL)"
        )
    database.execute("PRAGMA incremental_vacuum").fetchall()


def _close_those_cut_off(store: Store) -> None:
    """Give an end to runs that were cut off and of which nothing is open: it stays without an exit code."""
    rows = store.database.execute(
        "SELECT number, token FROM run WHERE ended_at IS NULL AND number NOT IN "
        "(SELECT work.run FROM work JOIN part ON part.work = work.number WHERE part.settled_at IS NULL)"
    ).fetchall()
    for number, token in rows:
        if not is_alive(store.directory, token):
            store.database.execute("UPDATE run SET ended_at = ? WHERE number = ?", (now(), number))
            lock_file(store.directory, token).unlink(missing_ok=True)
