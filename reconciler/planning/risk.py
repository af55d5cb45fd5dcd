"""Which changes take something away that clients may be living on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from reconciler.kea.objects import subnets_of
from reconciler.model import Action, Change, Plan, RelationshipPlan, ServerPlan, Snapshot

CLIENTS: Final = "clients"
"""The kind of what is no object: whether a server answers the clients of its subnets."""


def is_destructive(change: Change) -> bool:
    """Whether a change deletes an object, gives a subnet another id, or makes a server answer fewer clients."""
    return destruction(change) is not None


def destruction(change: Change) -> str | None:
    """Return the code of what a change destroys, such as delete-subnet; None where it destroys nothing.

    | the change                                       | code             |
    |--------------------------------------------------|------------------|
    | deletes a whole object                           | delete-KIND      |
    | gives a subnet another id, which its leases lack | change-subnet-id |
    | keeps a server from answering clients            | stop-answering   |
    """
    kind = change.path[-1][0]
    if change.action is Action.DELETE:
        return f"delete-{kind}"
    if kind == "subnet" and any(field.name == "id" for field in change.fields):
        return "change-subnet-id"
    if kind == CLIENTS and any(field.after is False for field in change.fields):
        return "stop-answering"
    return None


def endangering(plan: Plan) -> Iterator[tuple[RelationshipPlan, ServerPlan]]:
    """Yield the servers that a plan takes a subnet, or a part of one, away from, with their relationships' plans."""
    for each in plan.relationships:
        for server in each.servers:
            if any(change.path[0][0] == "subnet" and is_destructive(change) for change in server.changes):
                yield each, server


def with_leases_at_stake(plan: Plan) -> Plan:
    """Return a plan whose changes say how many leases they touch, as far as those of their servers were counted."""
    relationships = []
    for each in plan.relationships:
        servers = [
            replace(
                server,
                changes=tuple(replace(one, leases=leases_at_stake(server.snapshot, one)) for one in server.changes),
            )
            for server in each.servers
        ]
        relationships.append(replace(each, servers=tuple(servers)))
    return replace(plan, relationships=tuple(relationships))


def leases_at_stake(snapshot: Snapshot, change: Change) -> int | None:
    """Return how many leases are in use, on its server, in the subnet that a change takes something from; None where
    nothing is taken, or they were not counted.
    """
    if change.path[0][0] == CLIENTS:
        return change.leases
    if not is_destructive(change) or snapshot.active_leases is None or change.path[0][0] != "subnet":
        return None
    _, subnet = subnets_of(snapshot.config, snapshot.endpoint.service.subnets).get(change.path[0][1], (None, {}))
    number = subnet.get("id")
    return snapshot.active_leases.get(number, 0) if isinstance(number, int) else None
