"""How the leases of a relationship's servers differ, as JSON (schemas/lease-report.schema.json)."""

from __future__ import annotations

from typing import Any

from reconciler.kea.leases import Lease
from reconciler.planning.leases import Kind, LeaseComparison, LeaseDifference, LeaseSource
from reconciler.reports.json_text import json_text


def json_leases(comparison: LeaseComparison) -> str:
    """Return a comparison of leases as JSON text, with every difference."""
    return json_text(
        {
            "relationship": comparison.name,
            "service": comparison.service,
            "mode": comparison.mode,
            "complete": comparison.is_complete,
            "not_compared": comparison.not_compared,
            "servers": [_source(each) for each in comparison.sources],
            "counts": {each.value: comparison.count(each) for each in Kind},
            "passing": comparison.passing,
            "differences": [_difference(each) for each in comparison.differences],
            "notes": list(comparison.notes),
        }
    )


def _source(source: LeaseSource) -> dict[str, Any]:
    return {
        "server": source.server,
        "role": source.role.value,
        "ha_state": source.ha_state,
        "leases": source.leases,
        "reason": source.reason,
    }


def _difference(difference: LeaseDifference) -> dict[str, Any]:
    return {
        "kind": difference.kind.value,
        "type": difference.type,
        "address": difference.address,
        "fields": list(difference.fields),
        "leases": [{"server": name, "lease": _lease(lease)} for name, lease in difference.leases.items()],
    }


def _lease(lease: Lease | None) -> dict[str, Any] | None:
    if lease is None:
        return None
    return {
        "hw_address": lease.hw_address,
        "client_id": lease.client_id,
        "duid": lease.duid,
        "iaid": lease.iaid,
        "prefix_len": lease.prefix_len,
        "subnet_id": lease.subnet_id,
        "valid_lft": lease.valid_lft,
        "cltt": lease.cltt,
        "state": lease.state,
    }
