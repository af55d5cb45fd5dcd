"""From the values in a plan file back to the nouns of the model, as far as reports need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model import (
    ABSENT,
    Action,
    Authority,
    Cause,
    Change,
    Command,
    Disruption,
    Elsewhere,
    Endpoint,
    FieldChange,
    HaView,
    Mend,
    Mode,
    Objection,
    Peer,
    Plan,
    Position,
    Problem,
    Procedure,
    Relationship,
    RelationshipPlan,
    Remedy,
    Role,
    ServerPlan,
    Service,
    Severity,
    Snapshot,
    Stage,
    Unmanaged,
    Unreachable,
)

Value = Mapping[str, Any]


def plan_of(document: Value) -> Plan:
    """Return the plan in a plan file, for looking at: no server of it has anything to send."""
    return Plan(
        document["revision"] or "",
        tuple(map(_relationship, document["relationships"])),
        tuple(
            Unmanaged(each["server"], Service(each["service"]), tuple(each["peers"])) for each in document["unmanaged"]
        ),
        document["desired_digest"] or "",
    )


def approved_in(document: Value) -> list[str]:
    """Return the codes of objections that were approved when the plan was made."""
    found = (each for plan in document["relationships"] for each in plan["objections"] if each["approved"])
    return sorted({each["code"] for each in found})


def problems_of(document: Value) -> list[Problem]:
    """Return why nothing could be planned."""
    nowhere = Position("-")
    return [
        Problem(
            position_of(each["source"]) or nowhere,
            each["rule"],
            each["message"],
            each["advice"],
            Severity(each["severity"]),
        )
        for each in document["problems"]
    ]


def position_of(value: Value | None) -> Position | None:
    """Return a place in a file."""
    return None if value is None else Position(value["file"], value["line"], value["column"])


def change_of(value: Value) -> Change:
    """Return a change."""
    return Change(
        Action(value["action"]),
        tuple((kind, key) for kind, key in value["path"]),
        tuple(
            FieldChange(each["name"], each.get("before", ABSENT), each.get("after", ABSENT)) for each in value["fields"]
        ),
        value["summary"],
        Cause(value["cause"]),
        tuple(value["moved"]),
        leases=value["risk"]["active_leases"],
        told_source=position_of(value["source"]),
    )


def _relationship(value: Value) -> RelationshipPlan:
    service = Service(value["service"])
    peers = tuple(map(_peer, value["servers"]))
    relationship = Relationship(
        value["name"], service, Mode(value["mode"]), peers, position=position_of(value["source"])
    )
    return RelationshipPlan(
        relationship,
        Authority(value["authority"]["server"], value["authority"]["reason"]),
        Procedure(value["procedure"]),
        value["replicates"],
        tuple(_server(each, peer, service) for each, peer in zip(value["servers"], peers, strict=True)),
        tuple(
            Objection(each["code"], each["message"], each["advice"], each["approvable"], each.get("object", ""))
            for each in value["objections"]
        ),
        tuple(value["notes"]),
        value["unplanned"],
        tuple(_unreachable(each, service) for each in value["unreachable"]),
        tuple(map(_stage, value["stages"])),
        elsewhere=tuple(_elsewhere(each, peers, service) for each in value.get("elsewhere", ())),
        mends=tuple(Mend(each["server"], Remedy(each["remedy"]), each["reason"]) for each in value["mends"]),
    )


def _elsewhere(value: Value, peers: Sequence[Peer], service: Service) -> Elsewhere:
    name = value["server"]
    hub = next((each for each in peers if each.server == name), Peer(name, name, Role.PRIMARY, ""))
    partner = Peer(value["partner"], value["partner"], Role.STANDBY, "")
    relationship = Relationship(value["relationship"], service, Mode.HOT_STANDBY, (hub, partner))
    servers = [
        ServerPlan(each, Snapshot(Endpoint(each.server, service, ""), "", {}, None, 0, 0, 0, 0.0, None))
        for each in (hub, partner)
    ]
    return Elsewhere(relationship, *servers)


def _unreachable(value: Value, service: Service) -> Unreachable:
    place = position_of(value.get("source"))  # files before 1.2 have none
    return Unreachable(Endpoint(value["server"], service, "", position=place), value["reason"])


def _peer(value: Value) -> Peer:
    return Peer(value["server"], value["peer"], Role(value["role"]), "", position=position_of(value["source"]))


def _server(value: Value, peer: Peer, service: Service) -> ServerPlan:
    return ServerPlan(
        peer,
        _snapshot(value, service),
        tuple(map(change_of, value["changes"])),
        leaves=value["leaves"],
        commands=(Command("unknown", {}),) * value["commands"],
        told_disruption=Disruption(value["disruption"]),
        told_cost=value["cost"],
        is_compared=not value.get("is_left", False),  # files before 1.2 don't tell
    )


def _snapshot(value: Value, service: Service) -> Snapshot:
    """Return the little that a plan file knows of a server; its configuration is not there."""
    state = value["state"]
    view = HaView("", value["role"], state["ha_state"], tuple(state["scopes"]), None) if state["ha_state"] else None
    endpoint = Endpoint(value["server"], service, value["control"])
    return Snapshot(endpoint, state["version"], {}, None, 0, 0, 0, 0.0, view)


def _stage(value: Value) -> Stage:
    return Stage(
        tuple(value["servers"]),
        tuple(value["silenced"]),
        covered_by=tuple(value["covered_by"].items()),
        in_turn=value["in_turn"],
        reason=value["reason"],
    )
