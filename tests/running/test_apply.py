"""Carrying out plans: what is sent, what is told, and that one relationship is none of another's business."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import Objection, Plan, Procedure, Result, ServerOutcome
from reconciler.planning.verdict import ExitCode, of_outcomes, unapproved
from reconciler.running.apply import apply
from tests.running.carried import carried_out, place_of, story_of, writes
from tests.running.fake_kea import MAX_RESPONSE, WRITES, Fault, Pair, relationship
from tests.running.test_every_fault import differing, half, slower, unrelated

CREATED = [
    ("kea-b", "dhcp-disable"),
    ("kea-b", "config-set"),
    ("kea-a", "config-set"),
    ("kea-b", "dhcp-enable"),
    ("kea-b", "config-write"),
    ("kea-a", "config-write"),
]


def test_a_relationship_is_created_partner_first_with_its_service_off() -> None:
    pair = unrelated()
    carried_out(pair)
    assert writes(pair) == CREATED


def test_a_standing_relationship_is_changed_one_server_after_the_other() -> None:
    pair = slower()
    carried_out(pair)
    # kea-b answers for it meanwhile, and Kea forgets with the set after which time it would have served again
    alone = ("dhcp-disable", "config-set", "dhcp-disable", "dhcp-enable", "config-write")
    kept = [("kea-b", "config-set"), ("kea-b", "config-write")]
    assert writes(pair) == [*kept, *(("kea-a", each) for each in alone)]


def test_only_what_changes_is_sent() -> None:
    pair = differing()
    carried_out(pair)
    assert writes(pair) == [("kea-b", "config-set"), ("kea-b", "config-write")]


def test_nothing_to_do_asks_nothing_and_sends_nothing() -> None:
    pair = Pair(is_related=True)
    told = carried_out(pair)
    assert pair.story == []
    assert {each.result for each in told.values()} == {Result.NOTHING_TO_DO}


# ---------------------------------------------------------------------------------------------- blocked

OBJECTION = Objection("partner-not-normal", "kea-b is in state waiting", "wait")
FINAL = Objection("identity", "it is another one", "look", approvable=False)


def objecting(pair: Pair, *objections: Objection) -> Plan:
    made = asyncio.run(pair.plan())
    return replace(made, relationships=(replace(made.relationships[0], objections=objections),))


@pytest.mark.parametrize(
    ("objections", "approved", "left"),
    [
        ((OBJECTION,), (), 1),
        ((OBJECTION,), ("clock-skew",), 1),
        ((OBJECTION,), ("partner-not-normal",), 0),
        ((FINAL,), ("identity",), 1),
        ((OBJECTION, FINAL), ("partner-not-normal", "identity"), 1),
    ],
)
def test_an_objection_stops_all_unless_it_is_approved_by_name(
    objections: tuple[Objection, ...], approved: tuple[str, ...], left: int
) -> None:
    pair = differing()
    plan = objecting(pair, *objections)
    assert len(unapproved(plan.relationships[0], approved)) == left
    told = carried_out(pair, plan, approved)
    assert (writes(pair) == []) is bool(left)
    assert told["kea-b"].result is (Result.NOT_ATTEMPTED if left else Result.APPLIED)


def test_what_could_not_be_planned_is_not_attempted_and_says_why() -> None:
    pair = differing()
    made = asyncio.run(pair.plan())
    lost = replace(made.relationships[0], unplanned="kea-a can't be reached", procedure=Procedure.NOTHING)
    told = carried_out(pair, replace(made, relationships=(lost,)))
    assert pair.story == []
    assert told["kea-b"] == ServerOutcome("kea-b", Result.NOT_ATTEMPTED, "kea-a can't be reached")


def test_what_could_not_be_planned_is_an_error_and_tells_what_else_is_against_it() -> None:
    pair = differing()
    plan = objecting(pair, OBJECTION)
    lost = replace(plan.relationships[0], unplanned="kea-b can't say it", procedure=Procedure.NOTHING)
    (outcome,) = asyncio.run(apply(replace(plan, relationships=(lost,)), pair.hands()))
    assert outcome.servers[0].reason == f"kea-b can't say it; {OBJECTION.message}"
    assert of_outcomes([outcome]) is ExitCode.ERROR


def test_a_pair_that_is_not_well_any_more_is_left_alone() -> None:
    pair = differing()
    plan = asyncio.run(pair.plan())
    pair.a.is_deaf = pair.b.is_deaf = True
    pair.clock.now += 2 * MAX_RESPONSE
    told = carried_out(pair, plan)
    assert writes(pair) == []
    assert told["kea-b"].result is Result.NOT_ATTEMPTED
    assert "kea-a is in state partner-down" in told["kea-b"].reason


def test_a_pair_that_was_approved_as_it_is_is_changed() -> None:
    pair = differing()
    plan = objecting(pair, OBJECTION)
    pair.a.committed_at = pair.clock.now  # it is in waiting for two heartbeats
    assert carried_out(pair, plan, ("partner-not-normal",))["kea-b"].result is Result.APPLIED


def test_an_approval_of_states_does_not_let_pass_that_they_lose_each_other() -> None:
    pair = differing()
    plan = objecting(pair, OBJECTION)
    pair.a.is_deaf = pair.b.is_deaf = True
    told = carried_out(pair, plan, ("partner-not-normal",))
    assert writes(pair) == []
    assert told["kea-b"].result is Result.NOT_ATTEMPTED
    assert "out of touch" in told["kea-b"].reason


def test_a_partner_that_does_not_answer_the_last_look_is_told_and_nothing_is_sent() -> None:
    pair = differing()
    plan = objecting(pair, OBJECTION)
    carried_out(pair, plan, ("partner-not-normal",))
    last_look = max(n for n, each in enumerate(pair.story) if each == ("kea-a", "status-get") and n < first_write(pair))
    again = differing()
    plan = objecting(again, OBJECTION)
    again.faults[last_look] = Fault.NOT_REACHED
    told = carried_out(again, plan, ("partner-not-normal",))
    assert writes(again) == []
    assert told["kea-b"].result is Result.NOT_ATTEMPTED
    assert "internal error" not in told["kea-b"].reason


def first_write(pair: Pair) -> int:
    return next(number for number, each in enumerate(pair.story) if each[1] in WRITES)


def test_a_server_without_its_hook_is_set_although_its_partner_went_on_alone() -> None:
    pair = slower()
    pair.a.config = pair.b.config | {"hooks-libraries": pair.a.config["hooks-libraries"]}
    pair.relationship = relationship()
    pair.b.is_harmed = True
    told = carried_out(pair)
    assert told["kea-b"].result is Result.APPLIED
    assert not pair.b.is_harmed
    assert writes(pair) == [("kea-b", "config-set"), ("kea-b", "config-write")]


# ----------------------------------------------------------------------------------- after the set


@pytest.mark.parametrize("start", [differing, slower])
def test_a_changed_pair_that_does_not_hear_each_other_is_put_back_before_both_serve(start: Any) -> None:
    pair = start()
    plan = asyncio.run(pair.plan())
    old = pair.b.config

    def part() -> None:
        pair.a.is_deaf = pair.b.is_deaf = True

    pair.events = {place_of(start, "config-set") + 1: part}
    told = carried_out(pair, plan)
    assert told["kea-b"].result is Result.RESTORED
    assert "kea-b is in state partner-down" in told["kea-b"].reason
    assert pair.b.config == old
    assert pair.clock.now - pair.b.committed_at < MAX_RESPONSE, "put back as soon as it took over"


def test_a_created_pair_that_never_becomes_normal_is_undone_and_nobody_served_twice() -> None:
    pair = unrelated()
    old = (pair.a.config, pair.b.config)
    pair.a.is_deaf = pair.b.is_deaf = True
    told = carried_out(pair, normal_within=30.0)
    assert (pair.a.config, pair.b.config) == old
    assert {each.result for each in told.values()} == {Result.RESTORED}
    assert not pair.b.is_disabled
    assert pair.double == []
    assert writes(pair)[3:] == [("kea-a", "config-set"), ("kea-b", "config-set"), ("kea-b", "dhcp-enable")]


def test_a_person_who_repairs_a_pair_that_does_not_become_normal_is_not_overruled() -> None:
    pair = unrelated()
    pair.a.is_deaf = pair.b.is_deaf = True
    plan = asyncio.run(pair.plan())
    pair.events = {60: lambda: pair.a.edit("valid-lifetime", 1)}
    told = carried_out(pair, plan, normal_within=60.0)
    assert pair.a.config["valid-lifetime"] == 1
    assert told["kea-a"].result is Result.FAILED
    assert "was changed by somebody else meanwhile, so it was not put back" in told["kea-a"].reason


def test_a_disk_that_is_full_stops_before_the_next_server() -> None:
    pair = slower()
    pair.b.room = 10
    told = carried_out(pair)
    assert (told["kea-b"].result, told["kea-b"].persisted) == (Result.APPLIED, False)
    assert told["kea-b"].reason.startswith("running, NOT persisted: ")
    assert told["kea-a"].result is Result.NOT_ATTEMPTED
    assert ("kea-a", "config-set") not in pair.story


# ------------------------------------------------------------------------- the partner's DHCP service


def test_a_person_who_switched_the_partner_off_finds_it_off_where_kea_tells() -> None:
    pair = unrelated()
    pair.b.is_disabled = True
    status = pair.b._status_get
    pair.b.__dict__["_status_get"] = lambda _: {
        "arguments": status(None)["arguments"] | {"dhcp-state": {"disabled-by-user": True}}
    }
    told = carried_out(pair)
    assert told["kea-b"].result is Result.APPLIED
    assert pair.b.is_disabled
    assert ("kea-b", "dhcp-enable") not in pair.story


def test_a_partner_that_may_still_become_new_stays_off_and_the_next_apply_completes() -> None:
    pair = unrelated()
    plan = asyncio.run(pair.plan())
    pair.faults = {place_of(unrelated, "config-set"): Fault.FREEZES}
    told = carried_out(pair, plan)
    assert "its DHCP service was switched off and stays off" in told["kea-b"].reason
    pair.faults = {}
    pair.b.thaw()
    assert (pair.b.block is not None, pair.a.block is None, pair.b.serves) == (True, True, False)
    pair.clock.now += 100
    assert carried_out(pair)["kea-a"].result is Result.APPLIED
    assert not pair.b.is_disabled
    assert pair.double == []


@pytest.mark.parametrize("fault", [Fault.NOT_REACHED, Fault.LOST_REQUEST, Fault.LOST_REPLY, Fault.FAILED])
def test_the_partner_is_switched_on_again_whatever_becomes_of_one_answer(fault: Fault) -> None:
    for command in ("dhcp-enable", "dhcp-disable"):
        pair = unrelated()
        plan = asyncio.run(pair.plan())
        pair.faults = {place_of(unrelated, command): fault}
        carried_out(pair, plan)
        assert not pair.b.is_disabled


# --------------------------------------------------------------------------------------------- stopping


@pytest.mark.parametrize("start", [unrelated, differing, slower, half])
def test_a_stop_before_the_start_touches_nothing(start: Any) -> None:
    pair = start()
    stop = asyncio.Event()
    stop.set()
    told = carried_out(pair, stop=stop)
    assert pair.story == []
    assert Result.NOT_ATTEMPTED in {each.result for each in told.values()}


@pytest.mark.parametrize("start", [unrelated, differing, slower, half])
def test_a_stop_at_any_command_leaves_whole_steps(start: Any) -> None:
    for number in range(len(story_of(start))):
        pair = start()
        plan = asyncio.run(pair.plan())
        stop = asyncio.Event()
        pair.events = {number: stop.set}
        told = carried_out(pair, plan, stop=stop)
        for kea in pair.keas:
            assert told[kea.name].result in {Result.APPLIED, Result.NOT_ATTEMPTED, Result.NOTHING_TO_DO}
            assert told[kea.name].persisted is (True if told[kea.name].result is Result.APPLIED else None)
            assert not kea.is_disabled
        sets = {name for name, command in pair.story if command == "config-set"}
        assert sets in ([set(), {"kea-a", "kea-b"}] if start is unrelated else [set(), {"kea-b"}, {"kea-a"}, sets])
        carried_out(pair)
        assert not asyncio.run(pair.plan()).relationships[0].has_changes


# ------------------------------------------------------------------------------------------- identity


def test_two_addresses_of_one_kea_are_found_before_anything_is_sent() -> None:
    pair = unrelated()
    pair.routes["kea-b"] = pair.a
    plan = asyncio.run(pair.plan())
    told = carried_out(pair, plan)
    assert writes(pair) == []
    assert {each.reason for each in told.values()} == {
        "the control addresses of kea-b and kea-a lead to the same Kea; nothing was changed"
    }


def test_twins_that_were_started_from_one_image_at_once_are_two() -> None:
    pair = unrelated()
    pair.b.pid, pair.b.started_at = pair.a.pid, pair.a.started_at
    assert {each.result for each in carried_out(pair).values()} == {Result.APPLIED}


@pytest.mark.parametrize("reply", [{"result": 2, "text": "not supported"}, {"arguments": {}}, {"arguments": None}])
def test_a_kea_without_such_a_statistic_is_believed(reply: dict[str, Any]) -> None:
    pair = unrelated()
    for kea in pair.keas:
        kea.__dict__["_statistic_get"] = lambda _: reply
    assert {each.result for each in carried_out(pair).values()} == {Result.APPLIED}
