"""The journal: on disk before a command goes out, and what it tells the next run."""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.errors import NotReachedError
from reconciler.model import (
    Authority,
    Endpoint,
    Mode,
    Peer,
    Procedure,
    Process,
    Relationship,
    RelationshipOutcome,
    RelationshipPlan,
    Result,
    Role,
    ServerOutcome,
    ServerPlan,
    Service,
    Snapshot,
)
from reconciler.state.database import FILE
from reconciler.state.journal import Journal
from reconciler.state.left import NOT_SENT, leftovers
from reconciler.state.runs import Run, Store, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model import Leftover

S = Service.DHCP4
OLD: dict[str, Any] = {"valid-lifetime": 1}
NEW: dict[str, Any] = {"valid-lifetime": 2}
A = Endpoint("kea-a", S, "http://127.0.0.1:8000/")
PROCESS = Process(7, 1000.0)
LIVE = Snapshot(A, "3.0.3", OLD, None, 7, 1, 1, 0.0, None, disabled_by_user=False, started_at=1000.0)
PEER = Peer("kea-a", "kea-a", Role.PRIMARY, "http://127.0.0.1:8000/")


def planned(
    *, was_off: bool | None = False, process: Process = PROCESS, before: Any = OLD, after: Any = NEW
) -> RelationshipPlan:
    live = replace(LIVE, config=before, pid=process.pid, started_at=process.started_at, disabled_by_user=was_off)
    relationship = Relationship("hq", S, Mode.HOT_STANDBY, (PEER,))
    server = ServerPlan(PEER, live, outgoing=after)
    return RelationshipPlan(relationship, Authority("kea-a", ""), Procedure.MODIFY, servers=(server,))


class Runs:
    """One run after the other in one state directory."""

    def __init__(self, directory: Path) -> None:
        self.store: Store = open_store(directory)

    def begin(self, plan: RelationshipPlan) -> Journal:
        self.run = Run(self.store, "kea-reconciler apply")
        journal = Journal(self.store, self.run)
        journal.begins(plan)
        return journal

    def left(self) -> tuple[Leftover, ...]:
        """What is left after the present run was killed."""
        self.run.release()
        return leftovers(self.store.database, self.store.directory)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    found = Runs(tmp_path / "state")
    yield found
    found.store.close()


def flags(left: tuple[Leftover, ...]) -> set[str]:
    (one,) = left
    return {name for name in ("is_silenced", "is_unwritten", "is_unclear", "is_maintaining") if getattr(one, name)}


# A command, and Kea's result: None where the process is gone before the answer.
STEPS: list[tuple[list[tuple[str, Any, int | None]], set[str]]] = [
    ([], set()),
    ([("dhcp-disable", None, None)], {"is_silenced"}),
    ([("dhcp-disable", None, 0)], {"is_silenced"}),
    ([("dhcp-disable", None, 1)], set()),
    ([("dhcp-disable", None, 0), ("dhcp-enable", None, None)], {"is_silenced"}),
    ([("dhcp-disable", None, 0), ("dhcp-enable", {"origin": "ha-partner"}, 0)], {"is_silenced"}),
    ([("dhcp-disable", None, 0), ("dhcp-enable", None, 0)], set()),
    ([("config-set", NEW, None)], {"is_unwritten", "is_unclear"}),
    ([("config-set", NEW, 1)], {"is_unwritten", "is_unclear"}),
    ([("config-set", NEW, 0)], {"is_unwritten"}),
    ([("config-set", NEW, 2)], set()),
    ([("config-set", NEW, 1), ("config-set", OLD, 0)], {"is_unwritten"}),
    ([("config-set", NEW, 0), ("config-write", None, 0)], {"is_unwritten"}),  # its size was not looked at
    ([("subnet4-add", {"subnet4": []}, 0)], {"is_unwritten"}),
    ([("ha-maintenance-start", None, None)], {"is_maintaining"}),
    ([("ha-maintenance-start", None, 0), ("ha-maintenance-cancel", None, 0)], set()),
    ([("ha-scopes", {"scopes": ["kea-a"]}, None)], set()),  # the servers themselves tell that
    ([("config-test", NEW, None)], set()),
]


@pytest.mark.parametrize(("steps", "open_things"), STEPS)
def test_what_a_killed_run_left_open(
    runs: Runs, steps: list[tuple[str, Any, int | None]], open_things: set[str]
) -> None:
    journal = runs.begin(planned())
    for command, arguments, result in steps:
        number = journal.sends(A, command, arguments)
        if result is not None:
            journal.hears(number, result)
    left = runs.left()
    assert flags(left) == open_things
    assert left[0].run.is_cut_off
    assert (left[0].before is not None) is bool(open_things & {"is_unwritten", "is_unclear"})


def test_it_is_on_the_disk_before_the_command_goes_out(runs: Runs) -> None:
    journal = runs.begin(planned())
    journal.sends(A, "config-set", NEW)
    with sqlite3.connect(runs.store.directory / FILE) as other:
        assert other.execute("SELECT command, result FROM step").fetchall() == [("config-set", None)]
        assert other.execute("SELECT count(*) FROM configuration").fetchone() == (2,)
    other.close()
    (left,) = runs.left()
    assert (left.before, left.planned) == (OLD, NEW)


def test_a_command_waits_for_the_disk_and_its_answer_does_not(runs: Runs) -> None:
    """Clients may be waiting for the next command, and where the answer is lost the server is read."""
    journal = runs.begin(planned())
    seen: list[str] = []
    runs.store.database.set_trace_callback(seen.append)
    for result in (0, 1):  # each in the same way
        step = journal.sends(A, "config-set", NEW)
        journal.hears(step, result)
        journal.misses(journal.sends(A, "dhcp-disable", None))
    runs.store.database.set_trace_callback(None)
    modes, is_full = list[tuple[str, bool]](), True
    for statement in seen:
        if statement.startswith("PRAGMA synchronous="):
            is_full = statement.endswith("FULL")
        elif statement.startswith(("INSERT INTO step", "UPDATE step", "COMMIT")):
            modes.append((statement.split()[0], is_full))
    assert modes == 4 * [("INSERT", True), ("COMMIT", True), ("UPDATE", False)]


def test_what_a_person_had_switched_off_is_none_of_ours(runs: Runs) -> None:
    journal = runs.begin(planned(was_off=True))
    journal.hears(journal.sends(A, "dhcp-disable", None), 0)
    assert flags(runs.left()) == set()


HOURS = timedelta(hours=1)
FOR_A_TIME = ("dhcp-disable", {"max-period": 60}, 0)
TIMED: list[tuple[list[tuple[str, Any, int | None]], bool]] = [
    ([FOR_A_TIME], False),
    ([("dhcp-disable", {"max-period": 60}, None)], False),
    ([("dhcp-disable", None, 0), FOR_A_TIME], False),
    ([("dhcp-disable", None, 0), ("dhcp-disable", {"max-period": 60}, None)], True),  # it may not have been carried out
    ([FOR_A_TIME, ("dhcp-disable", None, None)], True),
    ([FOR_A_TIME, ("config-set", NEW, 0)], True),  # with which Kea forgets the time
    ([FOR_A_TIME, ("config-set", NEW, None)], True),
    ([FOR_A_TIME, ("config-set", NEW, 0), FOR_A_TIME], False),
]


@pytest.mark.parametrize(("steps", "lasts"), TIMED)
def test_what_was_switched_off_for_a_time_is_nobody_s_after_it(
    runs: Runs, steps: list[tuple[str, Any, int | None]], *, lasts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = runs.begin(planned())
    for command, arguments, result in steps:
        number = journal.sends(A, command, arguments)
        if result is not None:
            journal.hears(number, result)
    (left,) = runs.left()
    assert left.is_silenced
    assert (left.silenced_until is None) is lasts
    later = datetime.now(UTC) + HOURS
    monkeypatch.setattr("reconciler.state.left.now", later.isoformat)
    assert ("is_silenced" in flags(runs.left())) is lasts


@pytest.mark.parametrize("is_set", [True, False], ids=["it is set", "killed"])
def test_a_time_that_was_asked_for_while_a_server_was_set_may_be_forgotten_again(runs: Runs, *, is_set: bool) -> None:
    """It may have overtaken the set."""
    journal = runs.begin(planned())
    journal.hears(journal.sends(A, *FOR_A_TIME[:2]), 0)
    setting = journal.sends(A, "config-set", NEW)
    journal.hears(journal.sends(A, *FOR_A_TIME[:2]), 0)
    if is_set:
        time.sleep(0.005)  # the journal's moments are a millisecond each
        journal.hears(setting, 0)
    (left,) = runs.left()
    assert (left.is_silenced, left.silenced_until) == (True, None)


def test_what_certainly_was_not_sent_leaves_nothing(runs: Runs) -> None:
    journal = runs.begin(planned())
    journal.misses(journal.sends(A, "config-set", NEW))
    assert flags(runs.left()) == set()


def test_a_second_killed_run_does_not_hide_what_the_first_left(runs: Runs) -> None:
    journal = runs.begin(planned())
    journal.hears(journal.sends(A, "dhcp-disable", None), 0)
    journal.sends(A, "config-set", NEW)
    runs.run.release()
    runs.begin(planned(was_off=True, before=NEW, after=None))
    left = runs.left()
    assert flags(left) == {"is_silenced", "is_unwritten", "is_unclear"}
    assert (left[0].before, left[0].planned) == (OLD, NEW)


@pytest.mark.parametrize(
    ("process", "open_things"),
    [
        (Process(8, 1000.0), set()),
        (Process(7, 1020.0), set()),  # as in a container
        (Process(7, 1003.0), {"is_silenced"}),
        (Process(7, None), {"is_silenced"}),
    ],
)
def test_a_kea_that_was_started_anew_is_on_again(runs: Runs, process: Process, open_things: set[str]) -> None:
    journal = runs.begin(planned())
    journal.hears(journal.sends(A, "dhcp-disable", None), 0)
    runs.run.release()
    runs.begin(planned(process=process))
    assert flags(runs.left()) == open_things


def test_the_next_run_is_told_which_process_was_sent_something(runs: Runs) -> None:
    runs.begin(planned())
    assert [each.process for each in runs.left()] == [PROCESS]
    runs.begin(planned()).finds(replace(LIVE, started_at=2000.0))
    assert [each.process for each in runs.left()] == [Process(7, 2000.0)]


def test_what_an_older_version_wrote_down_tells_no_beginning_of_a_process(runs: Runs) -> None:
    """It is only read, before anything is written."""
    journal = runs.begin(planned())
    journal.sends(A, "dhcp-disable", None)
    runs.store.database.execute("ALTER TABLE part DROP COLUMN kea_started")
    assert [(each.process, each.is_silenced) for each in runs.left()] == [(Process(7, None), True)]


@pytest.mark.parametrize("command", ["class-add", "class-update", "reservation-add", "reservation-update"])
def test_what_marks_the_memory_of_a_server_that_is_not_to_be_changed_leaves_nothing(runs: Runs, command: str) -> None:
    for after, found in ((None, set()), (NEW, {"is_unwritten"})):
        journal = runs.begin(planned(after=after))
        journal.hears(journal.sends(A, command, None), 0)
        assert flags(runs.left()) == found


def test_what_is_settled_is_no_longer_left(runs: Runs) -> None:
    journal = runs.begin(planned())
    journal.sends(A, "dhcp-disable", None)
    (left,) = runs.left()
    runs.begin(planned()).settles(left)
    assert len(runs.left()) == 1  # the part of the second run alone
    assert flags(runs.left()) == set()


@pytest.mark.parametrize(("is_written", "number"), [(True, 0), (False, 1)])
def test_a_run_that_ends_leaves_what_it_could_not_finish(runs: Runs, is_written: bool, number: int) -> None:
    plan = planned()
    journal = runs.begin(plan)
    journal.hears(journal.sends(A, "config-set", NEW), 0)
    if is_written:
        journal.persisted(A)
    journal.ends(RelationshipOutcome("hq", (ServerOutcome("kea-a", Result.APPLIED, "", is_written),)), plan)
    runs.run.end(0)
    left = leftovers(runs.store.database, runs.store.directory)
    assert len(left) == number
    assert not any(each.run.is_cut_off for each in left)


def test_a_run_that_goes_on_left_nothing_yet(runs: Runs) -> None:
    runs.begin(planned()).sends(A, "dhcp-disable", None)
    assert leftovers(runs.store.database, runs.store.directory) == ()


def test_many_small_changes_are_one_step(runs: Runs) -> None:
    journal = runs.begin(planned())
    for _ in range(100):
        journal.hears(journal.sends(A, "reservation-add", {"reservation": {"password": "x"}}), 0)
    rows = runs.store.database.execute("SELECT command, detail FROM step").fetchall()
    assert rows == [("reservation-add", "")]


@pytest.mark.parametrize("others", [[0], [0, NOT_SENT], [0, 2], [NOT_SENT, None], [0, NOT_SENT, NOT_SENT]])
def test_that_one_of_many_was_not_executed_says_nothing_of_the_others(runs: Runs, others: list[int | None]) -> None:
    journal = runs.begin(planned())
    for result in others:
        number = journal.sends(A, "subnet4-add", None)
        if result is not None:
            journal.hears(number, result) if result >= 0 else journal.misses(number)
    assert flags(runs.left()) == {"is_unwritten"}


def test_nothing_is_begun_that_can_t_be_written_down(runs: Runs) -> None:
    journal = runs.begin(planned())
    full(runs)
    with pytest.raises(NotReachedError, match="was not sent"):
        journal.sends(A, "config-set", NEW)


def test_what_was_begun_is_finished_without_a_journal_and_nothing_new(
    runs: Runs, caplog: pytest.LogCaptureFixture
) -> None:
    journal = runs.begin(planned())
    asked: list[bool] = []
    journal.failed = lambda: asked.append(True)
    journal.hears(journal.sends(A, "dhcp-disable", None), 0)
    full(runs)
    with caplog.at_level(logging.CRITICAL):
        assert journal.sends(A, "dhcp-enable", None) is None
        journal.hears(None, 0)
        journal.persisted(A)
    assert asked == [True]
    assert "nothing new is begun" in caplog.text


def full(runs: Runs) -> None:
    """From now on there is no room."""
    runs.store.database.execute("PRAGMA query_only=ON")
