"""DHCP data that go on while a change of their relationship waits: which, how, and what has to come first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.kea.hooks import relationships_of
from reconciler.kea.stamps import read_stamps
from reconciler.model import Cause, Mode, OnRemove, Peer, Plan, Relationship, Role, Service, Snapshot
from reconciler.planning.data_alone import is_mixed, without_the_rest
from reconciler.planning.plan import plan
from tests.planning.cases import World, after_apply, read_case
from tests.planning.test_returned import edited

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.planning.cases import Case

S = Service.DHCP4


def timers(relationship: Relationship) -> Relationship:
    return replace(relationship, parameters={**relationship.parameters, "max-ack-delay": 4321})


def swapped(relationship: Relationship) -> Relationship:
    roles = {Role.PRIMARY: Role.STANDBY, Role.STANDBY: Role.PRIMARY}
    return replace(relationship, peers=tuple(replace(p, role=roles.get(p.role, p.role)) for p in relationship.peers))


def balancing(relationship: Relationship) -> Relationship:
    roles = {Role.STANDBY: Role.SECONDARY}
    peers = tuple(replace(peer, role=roles.get(peer.role, peer.role)) for peer in relationship.peers)
    return replace(relationship, mode=Mode.LOAD_BALANCING, peers=peers)


def kept(relationship: Relationship) -> Relationship:
    return replace(relationship, on_remove=OnRemove.KEEP)


CHANGES: dict[str, Callable[[Relationship], Relationship]] = {
    "timers": timers,
    "roles": swapped,
    "mode": balancing,
    "on-remove": kept,
}


def pending(change: Callable[[Relationship], Relationship]) -> Case:
    """A pair in step, after which git changes it, and a person gives a subnet of the standby another lifetime."""
    case = read_case("nothing-to-do")
    first = edited(dict(case.live), "kea-a", 1111)
    case = replace(case, live=after_apply(replace(case, live=first), plan(case.desired, first)))
    (relationship,) = case.desired.relationships
    desired = replace(case.desired, relationships=(change(relationship),))
    return replace(case, desired=desired, live=edited(dict(case.live), "kea-b", 2222))


def alone(case: Case) -> Plan | str:
    """The plan of the data alone, or what comes first."""
    (made,) = plan(case.desired, case.live).relationships
    assert is_mixed(made)
    found = without_the_rest(made)
    return found if isinstance(found, str) else plan(replace(case.desired, relationships=(found,)), case.live)


def snapshot(world: World, server: str) -> Snapshot:
    found = world[server, S]
    assert isinstance(found, Snapshot)
    return found


@pytest.mark.parametrize("change", CHANGES)
def test_data_go_on_and_the_relationship_stays_as_it_is(change: str) -> None:
    case = pending(CHANGES[change])
    made = alone(case)
    assert isinstance(made, Plan)
    (part,) = made.relationships
    assert (part.unplanned, part.objections) == (None, ())
    changed = {server.peer.server: [each.path[0][0] for each in server.changes] for server in part.servers}
    assert changed == {"kea-a": [], "kea-b": ["subnet"]}
    assert {each.cause for server in part.servers for each in server.changes} == {Cause.PEER}
    assert [stage.servers for stage in part.stages] == [("kea-b",)]
    before, world = snapshot(case.live, "kea-b"), after_apply(case, made)
    after = snapshot(world, "kea-b")
    assert relationships_of(after.config) == relationships_of(before.config)
    (was,), (stamp,) = read_stamps(before.config), read_stamps(after.config)
    assert (stamp.desired, stamp.on_remove, stamp.peers) == (was.desired, was.on_remove, was.peers)
    (rest,) = plan(case.desired, world).relationships
    assert {each.cause for server in rest.servers for each in server.changes} == {Cause.GIT}
    assert not is_mixed(rest)


def test_what_the_primary_got_goes_on_too() -> None:
    case = pending(timers)
    case = replace(case, live=edited(case.live, "kea-a", 3333))
    made = alone(case)
    assert isinstance(made, Plan)
    assert [each.peer.server for each in made.relationships[0].servers if each.changes] == ["kea-b"]


def test_a_backup_that_joins_keeps_nobody_waiting() -> None:
    def joined(relationship: Relationship) -> Relationship:
        peer = Peer("kea-c", "kea-c", Role.BACKUP, "http://192.0.2.30:8005/")
        return replace(relationship, peers=(*relationship.peers, peer))

    case, other = pending(joined), read_case("backup-joins")
    endpoints = {**case.desired.endpoints, ("kea-c", S): other.desired.endpoints["kea-c", S]}
    case = replace(
        case,
        desired=replace(case.desired, endpoints=endpoints),
        live={**case.live, ("kea-c", S): other.live["kea-c", S]},
    )
    made = alone(case)
    assert isinstance(made, Plan)
    assert [each.peer.server for each in made.relationships[0].servers] == ["kea-b", "kea-a"]
    assert made.relationships[0].unplanned is None


def test_what_decides_which_data_follow_comes_first_and_is_named() -> None:
    case = pending(timers)
    (relationship,) = case.desired.relationships
    other = replace(relationship, local=("/subnet4/*/interface",))
    made = plan(replace(case.desired, relationships=(other,)), case.live)
    (part,) = made.relationships
    assert is_mixed(part)  # what would differ without that, too
    found = without_the_rest(part)
    assert isinstance(found, Relationship)
    (told,) = plan(replace(case.desired, relationships=(found,)), case.live).relationships
    assert told.unplanned == ("DHCP data wait as well; this comes first: what is to follow the authority to kea-b")
    assert not told.has_changes


def test_a_change_that_came_half_way_comes_first() -> None:
    case = pending(balancing)
    (relationship,) = case.desired.relationships
    done = after_apply(case, plan(case.desired, case.live))
    torn: World = {**case.live, ("kea-a", S): done["kea-a", S]}
    (made,) = plan(case.desired, torn).relationships
    assert relationship.mode is Mode.LOAD_BALANCING
    assert is_mixed(made)
    assert without_the_rest(made) == (
        "DHCP data wait as well; this comes first: a change of the relationship that only a part of its servers has got"
    )


def test_a_server_that_leaves_goes_first_and_is_named() -> None:
    case = read_case("backup-leaves")
    (made,) = plan(case.desired, edited(dict(case.live), "kea-b", 2222)).relationships
    assert made.objections
    assert is_mixed(made)
    assert without_the_rest(made) == "DHCP data wait as well; this comes first: kea-c leaves"


def test_drift_alone_and_git_alone_have_no_part() -> None:
    case = read_case("drift-peer")
    git: dict[str, Any] = {"relationships": tuple(timers(each) for each in case.desired.relationships)}
    quiet = read_case("nothing-to-do")
    for desired, live in ((case.desired, case.live), (replace(quiet.desired, **git), quiet.live)):
        (made,) = plan(desired, live).relationships
        assert made.has_changes
        assert not is_mixed(made)
