"""What is remembered, read back: in one order, with ids that stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.model import RelationshipOutcome, Result, ServerOutcome, Service, Standing
from reconciler.state import database as schema
from reconciler.state.history import entries, open_history, past
from reconciler.state.journal import Journal
from reconciler.state.retention import DAYS, LEAST, forget
from reconciler.state.runs import Run, Store, open_store
from tests.state.test_journal import NEW, OLD, A, planned

if TYPE_CHECKING:
    from pathlib import Path

S = Service.DHCP4
APPLIED = RelationshipOutcome("hq", (ServerOutcome("kea-a", Result.APPLIED, "done", persisted=True),))


def carried_out(store: Store, command: str = "kea-reconciler apply", *, is_cut_off: bool = False) -> Run:
    run = Run(store, command)
    journal, plan = Journal(store, run), planned()
    journal.begins(plan)
    journal.hears(journal.sends(A, "config-set", NEW), 0)
    if is_cut_off:
        run.release()
        return run
    journal.persisted(A)
    journal.ends(APPLIED, plan)
    run.end(0)
    return run


def test_a_change_is_remembered_whole(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    carried_out(store)
    (entry,) = entries(store)
    assert (entry.number, entry.kind, entry.relationship, entry.standing) == (1, "changed", "hq", Standing.ENDED)
    assert [(each.server, each.result, each.persisted) for each in entry.results] == [("kea-a", "applied", True)]
    found = past(store, 1)
    assert found is not None
    (server,) = found.servers
    assert (server.before, server.planned, server.version, server.authority) == (OLD, NEW, "3.0.3", True)
    assert [(each.command, each.result) for each in found.steps] == [("config-set", 0), ("(persisted)", 0)]
    assert past(store, 2) is None
    store.close()


def test_it_is_remembered_why_without_a_secret(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    run = Run(store, "kea-reconciler apply")
    journal, plan = Journal(store, run, scrub=lambda text: text.replace("s3cr3t", "***")), planned()
    journal.begins(plan)
    failed = ServerOutcome("kea-a", Result.FAILED, "no answer \udc80 of s3cr3t")
    journal.ends(RelationshipOutcome("hq", (failed,)), plan)
    run.end(1)
    (entry,) = entries(store)
    assert [each.reason for each in entry.results] == ["no answer \\udc80 of ***"]
    store.close()


def test_what_was_cut_off_and_what_goes_on_say_so(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    carried_out(store, is_cut_off=True)
    goes_on = Run(store, "kea-reconciler apply")
    Journal(store, goes_on).begins(planned())
    assert [each.standing for each in entries(store)] == [Standing.GOES_ON, Standing.CUT_OFF]
    goes_on.end(0)
    store.close()


def test_an_operation_is_one_entry_however_much_it_sends(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    run = Run(store, "kea-reconciler reset")
    journal = Journal(store, run)
    journal.concerns("hq", S)
    for command in ("ha-reset", "ha-continue"):
        journal.hears(journal.sends(A, command, None), 0)
    run.end(1)
    (entry,) = entries(store, "hq", S)
    assert (entry.kind, entry.exit_code, entry.standing) == ("operated", 1, Standing.ENDED)
    assert entries(store, "other") == ()
    found = past(store, entry.number)
    assert found is not None
    assert [each.command for each in found.steps] == ["ha-reset", "ha-continue"]
    store.close()


def test_an_id_is_never_given_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    for _ in range(LEAST + 1):
        carried_out(store)
    forget(store, datetime.now(UTC) + timedelta(days=DAYS + 1))
    assert sorted(each.number for each in entries(store)) == list(range(2, LEAST + 2))
    store.database.execute("DELETE FROM run")
    carried_out(store)
    assert [each.number for each in entries(store)] == [LEAST + 2]
    store.close()


def test_it_is_asked_since_when_and_how_many(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    for _ in range(3):
        carried_out(store)
    assert [each.number for each in entries(store, limit=2)] == [3, 2]
    assert entries(store, since=datetime.now(UTC) + timedelta(hours=1)) == ()
    assert len(entries(store, since=datetime.now(UTC) - timedelta(hours=1))) == 3
    store.close()


def test_what_an_older_version_wrote_down_has_its_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in a database of release 0.2 (two steps of the schema) is there afterwards."""
    with monkeypatch.context() as patched:
        patched.setattr(schema, "_MIGRATIONS", schema._MIGRATIONS[:3])
        store = open_store(tmp_path / "state")
        store.database.execute("INSERT INTO run VALUES (1,'t','apply','u','h',1,'2026-01-01T00:00:00+00:00','',NULL,0)")
        store.database.execute(
            "INSERT INTO work VALUES (1,1,'hq','dhcp4','{}','2026-01-01T00:00:00+00:00','2026-01-01T00:00:01+00:00',"
            '\'[{"server": "kea-a", "result": "failed", "persisted": null}]\')'
        )
        store.close()
    found = open_history(tmp_path / "state")
    assert found is not None
    (entry,) = entries(found)
    assert (entry.number, entry.relationship, entry.at.year) == (1, "hq", 2026)
    assert [(each.result, each.reason) for each in entry.results] == [("failed", "")]
    found.close()


def test_without_a_database_there_is_no_history(tmp_path: Path) -> None:
    assert open_history(tmp_path / "state") is None
    assert not (tmp_path / "state").exists()
