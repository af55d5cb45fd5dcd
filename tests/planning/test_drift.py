from __future__ import annotations

from dataclasses import replace

from reconciler.model import (
    Action,
    Authority,
    Cause,
    Change,
    Endpoint,
    Mode,
    Objection,
    Peer,
    Plan,
    Procedure,
    Relationship,
    RelationshipPlan,
    Role,
    ServerPlan,
    Service,
    Snapshot,
    Unreachable,
)
from reconciler.planning.drift import only_drift
from reconciler.reports.text_plan import text_drift

PRIMARY = Peer("kea-a", "kea-a", Role.PRIMARY, "http://192.0.2.10:8001/")
STANDBY = Peer("kea-b", "kea-b", Role.STANDBY, "http://192.0.2.11:8001/")
RELATIONSHIP = Relationship("hq", Service.DHCP4, Mode.HOT_STANDBY, (PRIMARY, STANDBY))
OBJECTION = Objection("clock-skew", "clocks", "synchronise them")


def change(cause: Cause) -> Change:
    return Change(Action.ADD, (("subnet", f"of {cause}"),), cause=cause)


def server(peer: Peer, *causes: Cause) -> ServerPlan:
    endpoint = Endpoint(peer.server, Service.DHCP4, "http://192.0.2.10:8000/")
    snapshot = Snapshot(endpoint, "2.2.0", {}, None, 1, 1, 1, 0.0, None)
    return ServerPlan(peer, snapshot, tuple(map(change, causes)), {"subnet4": []} if causes else None)


def relationship_plan(*servers: ServerPlan) -> RelationshipPlan:
    return RelationshipPlan(
        RELATIONSHIP,
        Authority("kea-a", "kea-a is the primary and answers"),
        Procedure.MODIFY,
        replicates=True,
        servers=servers,
        objections=(OBJECTION,),
        notes=("worth knowing",),
    )


def test_what_git_asks_for_is_no_drift() -> None:
    mixed = relationship_plan(server(STANDBY, Cause.PEER, Cause.GIT, Cause.PRIMARY), server(PRIMARY, Cause.GIT))
    (found,) = only_drift(Plan("1", (mixed,))).relationships
    assert [each.changes for each in found.servers] == [(change(Cause.PEER), change(Cause.PRIMARY)), ()]
    assert found.objections == (OBJECTION,)
    assert found == replace(mixed, servers=found.servers)


def test_objections_go_with_the_last_change() -> None:
    by_git = relationship_plan(server(STANDBY, Cause.GIT), server(PRIMARY, Cause.GIT))
    (found,) = only_drift(Plan("1", (by_git,))).relationships
    assert found == replace(
        by_git, procedure=Procedure.NOTHING, servers=(server(STANDBY), server(PRIMARY)), objections=()
    )
    assert not found.has_changes


def test_nothing_of_it_can_be_sent() -> None:
    drifted = relationship_plan(server(STANDBY, Cause.PEER, Cause.GIT), server(PRIMARY, Cause.PRIMARY))
    found = only_drift(Plan("1", (drifted,)))
    assert [each.outgoing for plan in found.relationships for each in plan.servers] == [None, None]
    assert all(each.outgoing for each in drifted.servers)


def test_what_could_not_be_told_is_still_said() -> None:
    endpoint = Endpoint("kea-a", Service.DHCP4, "http://192.0.2.10:8000/")
    unplanned = RelationshipPlan(
        RELATIONSHIP,
        Authority("kea-b", "kea-a can't be reached"),
        unplanned="kea-a can't be reached",
        unreachable=(Unreachable(endpoint, "refused"),),
    )
    assert only_drift(Plan("1", (unplanned,))) == Plan("1", (unplanned,))


def test_what_a_server_was_changed_by_is_drift_although_it_is_put_off_while_another_is_away() -> None:
    put_off = (change(Cause.PEER), change(Cause.GIT))
    endpoint = Endpoint("kea-c", Service.DHCP4, "http://192.0.2.12:8000/")
    made = RelationshipPlan(
        RELATIONSHIP,
        Authority("kea-a", "kea-a is the primary and answers"),
        servers=(replace(server(STANDBY), put_off=put_off),),
        unplanned="kea-c can't be reached",
        unreachable=(Unreachable(endpoint, "refused"),),
    )
    (found,) = only_drift(Plan("1", (made,))).relationships
    assert [each.changes for each in found.servers] == [put_off[:1]]
    assert [each.put_off for each in found.servers] == [put_off[1:]]  # which is no drift, and not done either
    told = text_drift(Plan("1", (found,)))
    assert "  compared in part: kea-c can't be reached" in told
    assert "  kea-b (standby) differs:" in told
    assert "1 of 1 relationship could be compared in part only: a server can't be reached." in told
    assert "could not be compared" not in told
