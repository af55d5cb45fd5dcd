"""Drift: the part of a plan that is due although nobody changed desired."""

from __future__ import annotations

from dataclasses import replace

from reconciler.model import Cause, Plan, Procedure, RelationshipPlan, ServerPlan

_DRIFT = frozenset({Cause.PRIMARY, Cause.PEER, Cause.VERSION})


def only_drift(plan: Plan) -> Plan:
    """Return a plan with the changes alone that a server's move caused, for looking at; also those that are not due,
    since the data of the relationship follow nobody, or since another server can't be read.

    What could not be read or decided stays, with what else is in the way there, and so do the notes; objections stay
    where a change does. No server of it has anything to send: half of what a plan would set must never go out.
    """
    return replace(plan, relationships=tuple(map(_of_relationship, plan.relationships)))


def _of_relationship(plan: RelationshipPlan) -> RelationshipPlan:
    servers = tuple(map(_of_server, plan.servers))
    plan = replace(plan, servers=servers, stages=(), mends=(), foresight=())
    if any(server.changes for server in servers):
        return plan
    objections = () if plan.unplanned is None else plan.objections
    return replace(plan, procedure=Procedure.NOTHING, objections=objections)


def _of_server(server: ServerPlan) -> ServerPlan:
    drifted = (each for each in (*server.changes, *server.put_off) if each.cause in _DRIFT)
    asked_for = tuple(each for each in server.put_off if each.cause not in _DRIFT)
    changes = (*drifted, *server.apart)
    return replace(server, changes=changes, outgoing=None, commands=(), apart=(), put_off=asked_for)
