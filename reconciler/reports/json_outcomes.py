"""What an apply did, as JSON (schemas/outcome-report.schema.json)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.model import RelationshipOutcome, ServerOutcome
from reconciler.reports.json_objections import objection_values
from reconciler.reports.json_text import json_text


def json_outcomes(outcomes: Sequence[RelationshipOutcome], refused: Sequence[str] = ()) -> str:
    """Return outcomes as JSON text, in their own order; `refused` are lines on why a plan file was not applied."""
    told = {"refused": list(refused)} if refused else {}
    return json_text({"relationships": [_relationship(each) for each in outcomes], **told})


def _relationship(outcome: RelationshipOutcome) -> dict[str, Any]:
    return {
        "name": outcome.relationship,
        "servers": [_server(each) for each in outcome.servers],
        "blocked_by": objection_values(outcome.blocked_by),
    }


def _server(server: ServerOutcome) -> dict[str, Any]:
    """Return one server; results are words joined by hyphens, as all words in our JSON are."""
    return {
        "server": server.server,
        "result": server.result.value.replace(" ", "-"),
        "reason": server.reason,
        "persisted": server.persisted,
    }
