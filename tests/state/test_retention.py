"""Old runs are forgotten, but nothing that may still be needed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.model import Gravity, Turn
from reconciler.state.outbox import Outbox
from reconciler.state.retention import DAYS, LEAST, MOST, forget
from reconciler.state.runs import Run, Store, open_store
from tests.notifying.test_news import DRIFT

if TYPE_CHECKING:
    from pathlib import Path

LATER = datetime.now(UTC) + timedelta(days=DAYS + 1)


def runs(store: Store) -> int:
    return int(store.database.execute("SELECT count(*) FROM run").fetchone()[0])


def filled(path: Path, number: int) -> Store:
    store = open_store(path / "state")
    rows = [("t", "apply", "u", "h", 1, "2026-01-01T00:00:00.000+00:00", "2026-01-01T00:00:01.000+00:00")] * number
    store.database.executemany(
        "INSERT INTO run (token, command, user, host, pid, began_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?)", rows
    )
    store.database.execute(
        "INSERT INTO work (run, relationship, service, description, began_at) "
        "SELECT number, 'hq', 'dhcp4', '{}', began_at FROM run"
    )
    return store


def test_old_ones_go_but_for_the_last(tmp_path: Path) -> None:
    store = filled(tmp_path, LEAST + 5)
    forget(store, LATER)
    assert runs(store) == LEAST
    store.close()


def test_of_many_the_first_go_however_young(tmp_path: Path) -> None:
    store = filled(tmp_path, MOST + 5)
    forget(store, datetime(2026, 1, 2, tzinfo=UTC))
    assert runs(store) == MOST
    store.close()


def test_one_relationship_that_changes_all_the_time_takes_nothing_from_another(tmp_path: Path) -> None:
    store = filled(tmp_path, MOST + LEAST + 5)
    store.database.execute("UPDATE work SET relationship = 'branch' WHERE run <= ?", (LEAST,))
    store.database.execute(
        "INSERT INTO work (run, relationship, service, description, began_at) "
        "SELECT 1, 'lab', 'dhcp6', '{}', began_at FROM run WHERE number = 1"
    )
    forget(store, datetime(2026, 1, 2, tzinfo=UTC))
    assert runs(store) == MOST + LEAST
    forget(store, LATER)
    assert runs(store) == 2 * LEAST
    store.close()


def test_what_goes_on_or_left_something_open_stays(tmp_path: Path) -> None:
    store = filled(tmp_path, 1)
    database = store.database
    database.execute("INSERT INTO configuration VALUES ('needed', x'00'), ('not needed', x'00')")
    database.execute(
        "INSERT INTO part (work, service, server, control, kea_pid, before) VALUES (1,'dhcp4','a','x',1,'needed')"
    )
    for _ in range(LEAST + 1):
        Run(store, "apply").end(0)
    alive = Run(store, "apply")
    forget(store, LATER)
    left = {row[0] for row in database.execute("SELECT number FROM run")}
    assert {1, alive.number} <= left
    assert database.execute("SELECT digest FROM configuration").fetchall() == [("needed",)]
    alive.end(0)
    store.close()


def test_runs_that_sent_nothing_take_no_room(tmp_path: Path) -> None:
    store = filled(tmp_path, 1)
    for _ in range(LEAST + 30):
        Run(store, "watch").end(0)
    forget(store, datetime(2026, 1, 2, tzinfo=UTC))
    assert store.database.execute("SELECT min(number) FROM run").fetchone() == (1,)
    assert runs(store) == LEAST + 1
    store.close()


def test_events_go_but_for_those_of_findings_that_are_open(tmp_path: Path) -> None:
    store = filled(tmp_path, 0)
    at = "2026-01-01T00:00:00.000+00:00"
    rows = [(at, None, 0), (at, "over", 0), (at, "over", 1), (at, "open", 0), (at, "open", 0)]
    store.database.executemany("INSERT INTO event (at, kind, finding, is_over) VALUES (?, 'drift', ?, ?)", rows)
    forget(store, datetime(2026, 1, 2, tzinfo=UTC))
    assert len(store.database.execute("SELECT 1 FROM event").fetchall()) == 5
    Outbox(store, ["ops"]).add("ops", DRIFT, Turn.BEGUN, Gravity.WARNING)
    forget(store, LATER)
    assert store.database.execute("SELECT number FROM event").fetchall() == [(5,)]
    assert store.database.execute("SELECT hook FROM notice").fetchall() == []  # nobody took it for so long
    store.close()
