"""A plan, or the drift in it, as JSON (schemas/plan-report.schema.json). Never holds a configuration."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from reconciler.model import (
    ABSENT,
    Change,
    Condition,
    Elsewhere,
    FieldChange,
    Plan,
    RelationshipPlan,
    ServerPlan,
    Stage,
    Step,
    Unmanaged,
)
from reconciler.planning import steps
from reconciler.planning.method import disruption, is_commanded
from reconciler.planning.pause import pause
from reconciler.planning.risk import destruction
from reconciler.reports.json_objections import objection_values
from reconciler.reports.json_text import json_text
from reconciler.reports.text_changes import object_words


def json_plan(plan: Plan, *, approved: Collection[str] = ()) -> str:
    """Return a plan as JSON text; `approved` are the codes of objections that are waved through."""
    return json_text(plan_value(plan, approved=approved))


def plan_value(plan: Plan, *, approved: Collection[str] = ()) -> dict[str, Any]:
    """Return the same as a JSON value."""
    return {
        "revision": plan.revision,
        "has_changes": any(each.has_changes for each in plan.relationships),
        "relationships": [_relationship(each, approved) for each in plan.relationships],
        "unmanaged": unmanaged_values(plan.unmanaged),
    }


def unmanaged_values(unmanaged: Sequence[Unmanaged]) -> list[dict[str, Any]]:
    """Return the relationships that are none of ours, in their own order."""
    return [{"server": each.server, "service": each.service.value, "peers": list(each.peers)} for each in unmanaged]


def _relationship(plan: RelationshipPlan, approved: Collection[str]) -> dict[str, Any]:
    relationship = plan.relationship
    return {
        "name": relationship.name,
        "service": relationship.service.value,
        "mode": relationship.mode.value,
        "authority": {"server": plan.authority.server, "reason": plan.authority.reason},
        "procedure": plan.procedure.value,
        "replicates": plan.replicates,
        "has_changes": plan.has_changes,
        "servers": [_server(plan, each) for each in plan.servers],
        "stages": [_stage(each) for each in plan.stages],
        **({"elsewhere": [_elsewhere(each) for each in plan.elsewhere]} if plan.elsewhere else {}),
        "steps": [[_step(step) for step in part] for part in steps.parts(plan)],
        "objections": objection_values(plan.objections, approved),
        "mends": [{"server": m.server, "remedy": m.remedy.value, "reason": m.reason} for m in plan.mends],
        "notes": list(plan.all_notes),
        "unplanned": plan.unplanned,
        "unreachable": [{"server": each.endpoint.server, "reason": each.reason} for each in plan.unreachable],
    }


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "servers": list(stage.servers),
        "in_turn": stage.in_turn,
        "silenced": list(stage.silenced),
        "covered_by": dict(stage.covered_by),
        "reason": stage.reason,
    }


def _elsewhere(there: Elsewhere) -> dict[str, Any]:
    return {
        "relationship": there.relationship.name,
        "server": there.hub.peer.server,
        "partner": there.partner.peer.server,
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "deed": step.deed.value,
        "server": step.server,
        "covered": step.covered or None,
        "before": [_condition(each) for each in step.before],
        "after": [_condition(each) for each in step.after],
        "final": step.is_final,
        **({"elsewhere": step.elsewhere} if step.elsewhere else {}),
    }


def _condition(condition: Condition) -> str:
    return f"{condition.server} {condition.fact}"


def _server(plan: RelationshipPlan, server: ServerPlan) -> dict[str, Any]:
    seconds = pause(plan, server)
    return {
        "server": server.peer.server,
        "peer": server.peer.name,
        "role": server.peer.role.value,
        "leaves": server.leaves,
        "disruption": disruption(plan, server).value,
        "pause": None if seconds is None else round(seconds, 1),
        "commands": len(server.commands) if is_commanded(plan, server) else 0,
        "changes": [change_value(each) for each in server.changes],
    }


def change_value(change: Change) -> dict[str, Any]:
    """Return one change as a JSON value."""
    return {
        "action": change.action.value,
        "path": [[kind, key] for kind, key in change.path],
        "fields": [_field(each) for each in change.fields],
        "summary": change.summary,
        "cause": change.cause.value,
        "moved": list(change.moved),
        "risk": _risk(change),
    }


def _risk(change: Change) -> dict[str, Any]:
    code = destruction(change)
    return {
        "destructive": code is not None,
        "code": code,
        "object": None if code is None else object_words(change),
        "active_leases": change.leases,
    }


def _field(field: FieldChange) -> dict[str, Any]:
    """Leave `before` or `after` out where there is no value: null is a value of its own."""
    sides = {"before": field.before, "after": field.after}
    return {"name": field.name, **{side: value for side, value in sides.items() if value is not ABSENT}}
