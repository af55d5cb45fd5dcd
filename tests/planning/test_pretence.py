"""Servers that are not what their configuration says, and servers that only seem so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import Action, Change, FieldChange, Health, Procedure, Relationship, Service, Snapshot, Stage
from reconciler.planning.plan import plan
from reconciler.planning.pretence import unheard
from reconciler.planning.status import status
from tests.planning.cases import Case, World, read_case

A, B = ("kea-a", Service.DHCP4), ("kea-b", Service.DHCP4)


@pytest.fixture
def case() -> Case:
    """A hot-standby pair that has nothing to do, its heartbeat-delay a second."""
    return read_case("nothing-to-do")


def snapshot(world: World, key: tuple[str, Service]) -> Snapshot:
    found = world[key]
    assert isinstance(found, Snapshot)
    return found


def seen(snapshot: Snapshot, state: str | None = None, reload: int = 100, **partner: Any) -> Snapshot:
    """A server with another state of its own, or that knows otherwise of its partner."""
    assert snapshot.ha is not None
    assert snapshot.ha.partner is not None
    view = replace(snapshot.ha, state=state or snapshot.ha.state, partner=replace(snapshot.ha.partner, **partner))
    return replace(snapshot, ha=view, views=(view,), reload=reload)


def names(case: Case, a: Snapshot, b: Snapshot) -> str | None:
    (relationship,) = case.desired.relationships
    return unheard(relationship, {"kea-a": a, "kea-b": b})


@pytest.mark.parametrize(
    ("deaf", "is_told"),
    [
        ({"interrupted": True}, True),
        ({"in_touch": False}, True),
        ({"age": 60.0}, True),
        ({"interrupted": True, "state": "partner-down"}, True),
        ({"age": 5.0}, False),
        ({"in_touch": False, "reload": 2}, False),
        ({"age": 60.0, "state": "terminated"}, False),
        ({"age": 60.0, "state": "in-maintenance"}, False),
        ({"age": 60.0, "state": "partner-in-maintenance"}, False),
        ({}, False),
    ],
)
def test_a_server_that_hears_and_is_not_heard_has_no_listener(
    case: Case, deaf: dict[str, Any], *, is_told: bool
) -> None:
    a, b = snapshot(case.live, A), snapshot(case.live, B)
    assert names(case, a, seen(b, **deaf)) == ("kea-a" if is_told else None)
    assert names(case, seen(a, **deaf), b) == ("kea-b" if is_told else None)


@pytest.mark.parametrize(("age", "reload", "is_told"), [(0.0, 100, True), (99.0, 100, False), (0.0, 4, False)])
def test_a_server_that_never_asked_since_its_last_commit_is_told_from_one_that_asks_in_vain(
    case: Case, age: float, reload: int, *, is_told: bool
) -> None:
    a, b = snapshot(case.live, A), seen(snapshot(case.live, B), "partner-down", interrupted=True)
    silent = seen(a, "waiting", reload, in_touch=False, age=age)
    assert names(case, silent, b) == ("kea-a" if is_told else None)


def test_two_that_lost_each_other_say_nothing_about_a_listener(case: Case) -> None:
    a, b = (seen(snapshot(case.live, key), interrupted=True) for key in (A, B))
    assert names(case, a, b) is None
    assert names(case, replace(a, ha=None), b) is None


def test_the_pair_is_impaired_and_the_plan_sets_the_server_first(case: Case) -> None:
    world = dict(case.live)
    world[B] = seen(snapshot(world, B), "partner-down", interrupted=True)
    (made,) = plan(case.desired, world).relationships
    told = status(made, world)
    assert told.status is Health.IMPAIRED
    assert any(
        reason.startswith(
            "kea-a gives its partner no answer, and nothing else is between them: its HA listener at http"
        )
        for reason in told.reasons
    )
    assert (made.procedure, made.objections) == (Procedure.MODIFY, ())
    assert made.stages == (Stage(("kea-a",), needs_normal=False),)
    (change,) = made.servers[0].changes
    lie = FieldChange("heard by its partner", before=False, after=True)
    assert change == Change(Action.CHANGE, (("hook", "libdhcp_ha.so"),), (lie,), cause=change.cause, moved=("kea-a",))


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        (None, "in force;"),
        (frozenset({"config-get"}), "its commands are gone"),
        (frozenset({"ha-heartbeat"}), "in force;"),
    ],
)
def test_a_hook_is_in_force_where_status_get_shows_it_whatever_list_commands_names(
    case: Case, commands: frozenset[str] | None, said: str
) -> None:
    world = dict(case.live)
    world[B] = replace(snapshot(world, B), ha=None, views=(), commands=commands)
    (made,) = plan(case.desired, world).relationships
    assert made.has_changes
    assert any(said in reason for reason in status(made, world).reasons)


def test_a_relationship_without_heartbeats_has_nobody_to_hear(case: Case) -> None:
    (relationship,) = case.desired.relationships
    alone: Relationship = replace(relationship, peers=relationship.peers[:1])
    assert unheard(alone, {"kea-a": snapshot(case.live, A)}) is None
