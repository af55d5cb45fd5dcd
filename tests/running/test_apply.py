"""Carrying out plans: what is sent, what is told, and that one relationship is none of another's business."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from reconciler.errors import AccessRefusedError
from reconciler.model import Objection, Plan, Probe, Procedure, RelationshipOutcome, Result, ServerOutcome
from reconciler.planning.plan import plan_relationship
from reconciler.planning.verdict import ExitCode, of_outcomes, unapproved
from reconciler.running.apply import apply, sharing
from tests.running.fake_kea import MAX_RESPONSE, WRITES, Fault, Pair, relationship
from tests.running.test_every_fault import differing, half, slower, unrelated

URL = "http://192.0.2.99:8004/"


def carried_out(pair: Pair, plan: Plan | None = None, approved: tuple[str, ...] = (), **hands: Any) -> Any:
    """Apply, by default what is planned now; returns the outcome of each server by its name."""
    made = plan or asyncio.run(pair.plan())
    pair.story.clear()
    (outcome,) = asyncio.run(apply(made, pair.hands(**hands), approved))
    return {server.server: server for server in outcome.servers}


def writes(pair: Pair) -> list[tuple[str, str]]:
    return [each for each in pair.story if each[1] in WRITES]


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

    pair.events = {_place(start, "config-set") + 1: part}
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
    pair.faults = {_place(unrelated, "config-set"): Fault.FREEZES}
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
        pair.faults = {_place(unrelated, command): fault}
        carried_out(pair, plan)
        assert not pair.b.is_disabled


def _story_of(start: Any) -> list[tuple[str, str]]:
    pair: Pair = start()
    carried_out(pair)
    return pair.story


def _place(start: Any, command: str) -> int:
    """The number of the first such command of an apply without a fault."""
    return next(number for number, each in enumerate(_story_of(start)) if each[1] == command)


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
    for number in range(len(_story_of(start))):
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


# ------------------------------------------------------------------------------------- side by side


def both(first: Pair, second: Pair) -> tuple[Plan, Any]:
    """One plan of two relationships on four servers, and hands that reach all of them."""
    plans = [asyncio.run(pair.plan()).relationships[0] for pair in (first, second)]
    elsewhere = tuple(
        replace(server, snapshot=replace(server.snapshot, endpoint=replace(endpoint, hooks_directory="/elsewhere")))
        for server in plans[1].servers
        for endpoint in (server.snapshot.endpoint,)
    )
    plans[1] = replace(plans[1], servers=elsewhere)
    endpoints = [{each.snapshot.endpoint for each in plan.servers} for plan in plans]
    named = [
        replace(plan, relationship=replace(plan.relationship, name=name))
        for plan, name in zip(plans, "xy", strict=True)
    ]
    for pair in (first, second):
        pair.story.clear()
    hands = replace(
        first.hands(),
        open_client=lambda each: (first if each in endpoints[0] else second).open_client(each),
    )
    return Plan("r", tuple(named)), hands


def results(outcome: RelationshipOutcome) -> list[Result]:
    return [server.result for server in outcome.servers]


def test_a_relationship_whose_server_fails_keeps_no_other_from_its_goal() -> None:
    first, second = differing(), differing()
    plan, hands = both(first, second)
    first.faults = {_place(differing, "config-set"): Fault.DIES_AFTER}
    bad, good = asyncio.run(apply(plan, hands))
    assert results(bad) == [Result.FAILED, Result.NOTHING_TO_DO]
    assert results(good) == [Result.APPLIED, Result.NOTHING_TO_DO]


def test_a_mistake_of_ours_in_one_is_told_without_its_text_and_stops_no_other() -> None:
    first, second = differing(), differing()
    plan, hands = both(first, second)

    def fails(_: Any) -> Any:
        raise LookupError("password=hunter22")

    first.b.__dict__["_config_set"] = fails
    bad, good = asyncio.run(apply(plan, hands))
    assert results(good) == [Result.APPLIED, Result.NOTHING_TO_DO]
    assert results(bad) == [Result.FAILED, Result.FAILED]
    assert "internal error, LookupError in test_apply.py" in bad.servers[0].reason
    assert "hunter22" not in str(bad)


def test_an_endpoint_that_can_not_be_opened_any_more_stops_only_its_own() -> None:
    first, second = differing(), differing()
    plan, hands = both(first, second)

    def opened(endpoint: Any) -> Any:
        if endpoint is plan.relationships[0].servers[1].snapshot.endpoint:
            raise AccessRefusedError("its TLS files can't be used")
        return hands.open_client(endpoint)

    bad, good = asyncio.run(apply(plan, replace(hands, open_client=opened)))
    assert results(good) == [Result.APPLIED, Result.NOTHING_TO_DO]
    assert [(each.result, each.reason) for each in bad.servers] == [
        (Result.NOT_ATTEMPTED, "its TLS files can't be used")
    ] * 2
    assert first.story == []


# ------------------------------------------------------------------------------------- sharing a server


def sharer(pair: Pair, name: str, *servers: str) -> Any:
    """The plan of a relationship that has only these of the pair's servers."""
    plan = asyncio.run(pair.plan()).relationships[0]
    kept = tuple(server for server in plan.servers if server.peer.server in servers)
    return replace(plan, relationship=replace(plan.relationship, name=name), servers=kept)


def test_relationships_that_share_a_server_are_carried_out_one_after_the_other() -> None:
    pair = differing()
    plans = [
        sharer(pair, "east", "kea-a"),
        sharer(pair, "west", "kea-b"),
        sharer(pair, "both", "kea-a", "kea-b"),
    ]
    groups = [[each.relationship.name for each in group] for group in sharing(plans)]
    assert groups == [["east", "west", "both"]]
    assert [len(group) for group in sharing(plans[:2])] == [1, 1]


@pytest.mark.parametrize(
    ("parameters", "result"), [({}, Result.NOTHING_TO_DO), ({"max-unacked-clients": 3}, Result.WORLD_CHANGED)]
)
def test_the_second_is_planned_again_and_must_still_do_no_more_than_was_shown(
    parameters: dict[str, Any], result: Result
) -> None:
    pair = differing()
    made = asyncio.run(pair.plan())
    (first,) = made.relationships
    other = replace(first.relationship, name="again", parameters={**first.relationship.parameters, **parameters})
    pair.story.clear()
    plan = replace(made, relationships=(first, replace(first, relationship=other)))
    outcomes = asyncio.run(apply(plan, pair.hands()))
    assert [[server.result for server in each.servers] for each in outcomes] == [
        [Result.APPLIED, Result.NOTHING_TO_DO],
        [result, result],
    ]
    assert writes(pair) == [("kea-b", "config-set"), ("kea-b", "config-write")]


@pytest.mark.parametrize(("probes", "is_held"), [({}, False), ({URL: Probe.REFUSED}, True)])
def test_the_second_is_planned_again_with_what_was_found_at_its_urls(
    probes: dict[str, Probe], *, is_held: bool
) -> None:
    pair = differing()
    made = asyncio.run(pair.plan())
    (first,) = made.relationships
    a, b = first.relationship.peers
    other = replace(first.relationship, name="again", peers=(a, replace(b, url=URL)))
    live = {each.snapshot.endpoint: each.snapshot for each in first.servers}
    second = plan_relationship(other, {(each.server, each.service): live[each] for each in live}, made.revision)
    assert second.unplanned is None
    outcomes = asyncio.run(apply(replace(made, relationships=(first, second), probes=probes), pair.hands()))
    assert {server.result for server in outcomes[0].servers} == {Result.APPLIED, Result.NOTHING_TO_DO}
    moved_on = {server.result for server in outcomes[1].servers} == {Result.WORLD_CHANGED}
    assert moved_on is is_held, outcomes[1]
