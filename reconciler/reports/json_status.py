"""How relationships are doing, as JSON (schemas/status.schema.json)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from reconciler.model import RelationshipStatus, ServerStatus, Suspension, Unmanaged
from reconciler.reports.json_plan import unmanaged_values
from reconciler.reports.json_text import json_text


def json_status(statuses: Sequence[RelationshipStatus], unmanaged: Sequence[Unmanaged] = ()) -> str:
    """Return statuses as JSON text, in their own order, and what is none of ours."""
    return json_text(
        {"relationships": [_relationship(each) for each in statuses], "unmanaged": unmanaged_values(unmanaged)}
    )


def _relationship(status: RelationshipStatus) -> dict[str, Any]:
    return {
        "name": status.name,
        "service": status.service,
        "mode": status.mode,
        "status": status.status.value,
        "reasons": list(status.reasons),
        "authority": status.authority,
        "authority_reason": status.authority_reason,
        "in_sync": status.in_sync,
        "servers": [_server(each) for each in status.servers],
        "notes": list(status.notes),
        "suspension": None if status.suspension is None else _suspension(status.suspension),
        "contested": list(status.contested),
    }


def _suspension(suspension: Suspension) -> dict[str, Any]:
    since, until = (each.astimezone(UTC).isoformat(timespec="seconds") for each in (suspension.since, suspension.until))
    return {"user": suspension.user, "reason": suspension.reason, "since": since, "until": until}


def _server(server: ServerStatus) -> dict[str, Any]:
    return {
        "server": server.server,
        "role": server.role.value,
        "reachable": server.is_reachable,
        "reason": server.reason,
        "ha_state": server.ha_state,
        "scopes": list(server.scopes),
        "heartbeat_age": _rounded(server.heartbeat_age),
        "clock_skew": _rounded(server.clock_skew),
        "version": server.version,
        "in_sync": server.in_sync,
    }


def _rounded(value: float | None) -> float | None:
    """Clocks are known to about a second: more than one digit after the point would say nothing."""
    return None if value is None else round(value, 1)
