"""When what earlier runs left behind may be put right: what comes before a plan, what waits for all to be well; and
whose service Kea itself may switch on soon.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.model import (
    Leftover,
    Mend,
    Mode,
    Process,
    RelationshipPlan,
    Remedy,
    RunRecord,
    ServerPlan,
    Snapshot,
)
from reconciler.planning import recovery, service
from tests.planning.changes import Run, Setting, begun, slower

PAIR = Setting(Mode.LOAD_BALANCING)
NARROW, SERVE = Mend("kea-b", Remedy.NARROW, ""), Mend("kea-a", Remedy.SERVE, "")


def found(run: Run, **parts: Any) -> dict[str, Snapshot]:
    """What the servers are read to have; `parts` are those of kea-a."""
    keas = run.model.keas
    keas = {**keas, "kea-a": replace(keas["kea-a"], **parts)}
    model = replace(run.model, keas=keas)
    return {name: model.snapshot(kea) for name, kea in keas.items()}


def why_early(mend: Mend, run: Run, servers: dict[str, Snapshot]) -> str | None:
    return recovery.why_early(run.plan.relationship, mend, [NARROW, SERVE], servers)


@pytest.fixture(scope="module")
def run() -> Run:
    return begun(PAIR, slower, 1)


@pytest.mark.parametrize("mend", [NARROW, SERVE], ids=["answers-for-another", "is-off"])
def test_where_both_are_well_nothing_is_early(mend: Mend, run: Run) -> None:
    assert why_early(mend, run, found(run, is_off=True)) is None


def test_who_answers_for_another_goes_on_until_that_is_well(run: Run) -> None:
    servers = found(run, state="waiting")
    assert "since that one is not well yet" in str(why_early(NARROW, run, servers))
    assert "stays off: kea-a is waiting" in str(why_early(SERVE, run, servers))


def test_who_answers_for_another_goes_on_while_that_stays_off(run: Run) -> None:
    """The two that answer are well, but not the backup, for which the service stays off."""
    run = begun(replace(PAIR, backups=1), slower, 1)
    servers = found(run, is_off=True)
    backup = servers["kea-c"]
    assert backup.ha is not None
    servers["kea-c"] = replace(backup, ha=replace(backup.ha, state="waiting"))
    assert "stays off: kea-c is waiting" in str(why_early(SERVE, run, servers))
    assert "since kea-a stays off for now" in str(why_early(NARROW, run, servers))
    for others in ([], [Mend("kea-c", Remedy.SERVE, "")]):  # it waits for no other than its partner
        assert recovery.why_early(run.plan.relationship, NARROW, [NARROW, *others], servers) is None


@pytest.mark.parametrize("remedy", [each for each in Remedy if each not in {Remedy.NARROW, Remedy.SERVE}], ids=str)
def test_all_else_is_never_early(remedy: Remedy, run: Run) -> None:
    assert why_early(Mend("kea-a", remedy, ""), run, found(run, state="waiting")) is None


def first(plan: RelationshipPlan, due: Collection[Remedy]) -> tuple[set[Remedy], set[Remedy]]:
    return recovery.due_first(replace(plan, mends=tuple(Mend("kea-a", each, "") for each in due)))


def test_what_is_in_the_way_comes_first_and_who_answers_for_whom_before_a_set(run: Run) -> None:
    at_once, when_well = {Remedy.RESTORE, Remedy.END_MAINTENANCE}, {Remedy.NARROW, Remedy.SERVE}
    assert first(run.plan, set(Remedy)) == (at_once, when_well)
    assert first(run.plan, {Remedy.SERVE, Remedy.WRITE}) == (set(), {Remedy.SERVE})
    assert first(replace(run.plan, stages=()), set(Remedy)) == (at_once, set())
    stages = tuple(replace(each, otherwise=each) for each in run.plan.stages)  # by commands for single objects
    assert first(replace(run.plan, stages=stages), set(Remedy)) == (at_once, set())


# --------------------------------------------------------------------------- which process it was left on


def left_on(run: Run, live: Snapshot, **parts: Any) -> Leftover:
    """What a run that was cut off left open on kea-a, that process then having begun at 1000."""
    record = RunRecord(1, "apply", "root", "host", 1, datetime(2026, 1, 1, tzinfo=UTC), "", is_cut_off=True)
    peers = run.plan.relationship.peers
    about = (run.plan.relationship.name, run.plan.relationship.service, run.plan.relationship.mode, peers)
    return Leftover(record, 1, *about, "kea-a", live.endpoint.control, Process(live.pid, 1000.0), **parts)


@pytest.mark.parametrize(
    ("process", "is_the_same"),
    [
        (Process(7, 1000.0), True),
        (Process(7, 1009.0), True),
        (Process(7, 1011.0), False),
        (Process(7, 100.0), True),
        (Process(7, None), True),
        (Process(8, 1000.0), False),
        (Process(8, None), False),
    ],
)
def test_what_is_off_in_a_process_that_began_later_is_not_off_by_us(
    process: Process, run: Run, *, is_the_same: bool
) -> None:
    servers = found(run, is_off=True)
    live = replace(servers["kea-a"], pid=7)
    left = left_on(run, live, is_silenced=True)
    live = replace(live, pid=process.pid, started_at=process.started_at)
    due = list(recovery.mends(run.plan.relationship, {**servers, "kea-a": live}, [left]))
    assert [(each.server, each.remedy) for each in due] == ([("kea-a", Remedy.SERVE)] if is_the_same else [])
    key = ("kea-a", left.service)
    (marked,) = service.with_ours({key: live}, [left]).values()
    assert isinstance(marked, Snapshot)
    assert marked.is_off_by_us is is_the_same


@pytest.mark.parametrize(("started_at", "due"), [(1000.0, [Remedy.WRITE]), (1020.0, [])])
def test_what_was_not_written_is_gone_with_its_process(started_at: float, due: list[Remedy], run: Run) -> None:
    servers = found(run)
    live = replace(servers["kea-a"], started_at=started_at)
    before = {**live.config, "valid-lifetime": 1}
    left = left_on(run, live, is_unwritten=True, before=before, planned=live.config)
    assert [each.remedy for each in recovery.mends(run.plan.relationship, {**servers, "kea-a": live}, [left])] == due


# ------------------------------------------------------------------------------- what Kea ends by itself


def may_end_soon(plan: RelationshipPlan, off: Collection[str], **parts: Any) -> list[str]:
    """Whose service may be on soon, where that of these servers is off; `parts` are those of what was read of them."""

    def read(server: ServerPlan) -> ServerPlan:
        if server.peer.server not in off:
            return server
        return replace(server, snapshot=replace(server.snapshot, disabled_by_user=True, **parts))

    plan = replace(plan, servers=tuple(map(read, plan.servers)))
    return [each.endpoint.server for each in recovery.may_end_soon(plan)]


def test_a_service_that_is_off_may_be_on_soon_where_nobody_here_knows_who_did_that(run: Run) -> None:
    assert may_end_soon(run.plan, ()) == []
    assert may_end_soon(run.plan, ("kea-b",)) == ["kea-b"]
    assert may_end_soon(run.plan, ("kea-a", "kea-b"), is_off_by_us=True) == []


def test_for_who_has_no_clients_or_is_switched_on_anyway_nobody_waits(run: Run) -> None:
    standby = begun(Setting(Mode.HOT_STANDBY, backups=1), slower, 1).plan
    assert may_end_soon(standby, ("kea-a", "kea-b", "kea-c")) == ["kea-a"]
    stages = tuple(replace(each, released=("kea-a",)) for each in run.plan.stages)
    assert may_end_soon(replace(run.plan, stages=stages), ("kea-a", "kea-b")) == ["kea-b"]


def test_where_nothing_is_set_or_servers_do_not_know_of_each_other_nobody_waits(run: Run) -> None:
    stages = tuple(replace(each, otherwise=each) for each in run.plan.stages)
    assert may_end_soon(replace(run.plan, stages=stages), ("kea-a",)) == []
    stages = tuple(replace(each, needs_normal=False) for each in run.plan.stages)
    assert may_end_soon(replace(run.plan, stages=stages), ("kea-a",)) == []
