"""Several relationships at once: one is none of another's business, and what shares a server waits for its turn."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.errors import AccessRefusedError
from reconciler.model import (
    Elsewhere,
    Leftover,
    Plan,
    Probe,
    RelationshipOutcome,
    RelationshipPlan,
    Remedy,
    Result,
    RunRecord,
    Unreachable,
)
from reconciler.planning.plan import plan_relationship
from reconciler.planning.recovery import mended_alone
from reconciler.running.apply import apply, sharing
from tests.running.carried import place_of, writes
from tests.running.fake_kea import Fault, Pair
from tests.running.test_every_fault import differing

URL = "http://192.0.2.99:8004/"
OTHER = {"max-unacked-clients": 3}


def both(first: Pair, second: Pair) -> tuple[Plan, Any]:
    """One plan of two relationships on four servers, and hands that reach all of them."""
    plans = [asyncio.run(pair.plan()).relationships[0] for pair in (first, second)]
    elsewhere = tuple(
        replace(server, snapshot=replace(server.snapshot, endpoint=replace(endpoint, control="http://127.0.0.2:1/")))
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
    first.faults = {place_of(differing, "config-set"): Fault.DIES_AFTER}
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
    assert "internal error, LookupError in test_side_by_side.py" in bad.servers[0].reason
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


def test_one_that_could_not_be_planned_shares_the_server_on_which_it_is_to_put_something_right() -> None:
    pair = differing()
    plan = asyncio.run(pair.plan()).relationships[0]
    endpoint = plan.servers[0].snapshot.endpoint
    left = Leftover(
        RunRecord(1, "apply", "who", "here", 1, datetime(2026, 1, 1, tzinfo=UTC), "r"),
        1,
        "west",
        endpoint.service,
        plan.relationship.mode,
        plan.relationship.peers,
        endpoint.server,
        endpoint.control,
        plan.servers[0].snapshot.process,
    )
    west = replace(plan.relationship, name="west")
    for other in (
        RelationshipPlan(west, plan.authority, unplanned="why", left=(left,)),
        RelationshipPlan(west, plan.authority, unplanned="why", unreachable=(Unreachable(endpoint, "why"),)),
    ):
        assert [len(group) for group in sharing([plan, other])] == [2]


def test_one_whose_stand_in_was_set_is_planned_again_too() -> None:
    """What is read of a server, and where a relationship stands among its others, is not what it was."""
    pair = differing()
    plan = asyncio.run(pair.plan()).relationships[0]
    hub, partner = plan.servers if plan.servers[0].peer.server == "kea-a" else plan.servers[::-1]
    second = replace(sharer(pair, "west", "kea-a"), elsewhere=(Elsewhere(plan.relationship, hub, partner),))
    pair.story.clear()
    asyncio.run(apply(Plan("r", (plan, second)), pair.hands()))  # of the first kea-b alone is set
    after = pair.story[pair.story.index(("kea-b", "config-write")) :]
    assert {("kea-a", "config-get"), ("kea-b", "config-get")} <= set(after)


@pytest.mark.parametrize(("parameters", "result"), [({}, Result.NOTHING_TO_DO), (OTHER, Result.WORLD_CHANGED)])
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


def test_what_alone_is_put_right_in_the_second_is_so_whatever_else_it_is_not_to_do() -> None:
    """As the daemon has it where something is contested."""
    pair = differing()
    pair.a.asked_for = ["kea-a", "kea-b"]
    made = asyncio.run(pair.plan())
    (first,) = made.relationships
    assert ("kea-a", Remedy.NARROW) in {(each.server, each.remedy) for each in first.mends}
    other = replace(first.relationship, name="again", parameters={**first.relationship.parameters, **OTHER})
    plan = replace(made, relationships=(replace(first, mends=()), replace(mended_alone(first), relationship=other)))
    _, told = asyncio.run(apply(plan, pair.hands()))
    assert set(results(told)) == {Result.MENDED}
    assert pair.a.scopes == ["kea-a"]


def test_what_is_to_be_put_right_is_so_where_nothing_else_can_be_planned() -> None:
    pair = Pair(is_related=True)
    pair.a.asked_for = ["kea-a", "kea-b"]
    parameters = {**pair.relationship.parameters, "max-rejected-lease-updates": 7}  # of which 2.2 knows nothing
    pair.relationship = replace(pair.relationship, parameters=parameters)
    made = asyncio.run(pair.plan())
    (plan,) = made.relationships
    assert plan.unplanned is not None
    assert ("kea-a", Remedy.NARROW) in {(each.server, each.remedy) for each in plan.mends}
    (outcome,) = asyncio.run(apply(made, pair.hands()))
    assert pair.a.scopes == ["kea-a"]
    assert "it serves its own scopes again" in outcome.servers[0].reason


def test_what_alone_is_put_right_is_no_success_on_a_server_that_gives_no_answer_any_more() -> None:
    pair = Pair(is_related=True)
    pair.a.asked_for = ["kea-a", "kea-b"]
    made = asyncio.run(pair.plan())
    assert ("kea-a", Remedy.NARROW) in {(each.server, each.remedy) for each in made.relationships[0].mends}
    pair.a.is_dead = True
    (outcome,) = asyncio.run(apply(made, pair.hands()))
    told = {each.server: each for each in outcome.servers}
    assert told["kea-a"].result is Result.FAILED
    assert told["kea-a"].reason.startswith("it gives no answer, so that this is left: it serves kea-b beside its own")


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


@pytest.mark.parametrize("dead", [False, True])
def test_what_was_put_right_meanwhile_is_none_that_gives_no_answer(dead: bool) -> None:
    pair = Pair(is_related=True)
    pair.a.asked_for = ["kea-a", "kea-b"]
    made = asyncio.run(pair.plan())
    pair.a.asked_for, pair.b.is_dead = None, dead
    (outcome,) = asyncio.run(apply(made, pair.hands()))
    told = {each.server: each for each in outcome.servers}
    assert "gives no answer" not in told["kea-a"].reason
    assert dead or told["kea-a"].result is Result.NOTHING_TO_DO
