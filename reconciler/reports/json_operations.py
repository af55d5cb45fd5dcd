"""What an operation did, as JSON (schemas/operation-report.schema.json)."""

from __future__ import annotations

from typing import Any

from reconciler.planning.scenes import Answer, OperationOutcome, Standing
from reconciler.reports.json_text import json_text


def json_operation(outcome: OperationOutcome) -> str:
    """Return the outcome of an operation as JSON text."""
    relationship = outcome.relationship
    return json_text(
        {
            "operation": _hyphened(outcome.operation),
            "server": outcome.server,
            "relationship": relationship.name,
            "service": relationship.service.value,
            "mode": relationship.mode.value,
            "result": _hyphened(outcome.ending),
            "reasons": list(outcome.reasons),
            "refusals": [
                {"code": each.code, "object": each.object, "message": each.message, "advice": each.advice}
                for each in outcome.decision.refusals
            ],
            "notes": list(outcome.decision.says),
            "commands": [_answer(each) for each in outcome.answers],
            "before": [_standing(each) for each in outcome.before],
            "after": [_standing(each) for each in outcome.after],
        }
    )


def _hyphened(words: str) -> str:
    """Words in our JSON are joined by hyphens."""
    return str(words).replace(" ", "-")


def _answer(answer: Answer) -> dict[str, Any]:
    order = answer.order
    return {"server": order.server, "command": order.command, "result": answer.result, "text": answer.text}


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "server": standing.server,
        "role": standing.role.value,
        "ha_state": standing.state,
        "scopes": list(standing.scopes),
        "heartbeat_age": standing.heard,
        "reason": standing.reason,
    }
