"""What happened, as JSON (schemas/history-report.schema.json). Never holds a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model import Change, Entry, Past, PastResult
from reconciler.reports.json_plan import change_value
from reconciler.reports.json_text import json_text


def json_history(entries: Sequence[Entry]) -> str:
    """Return what happened as JSON text, in the order given."""
    return json_text({"entries": [entry_value(each) for each in entries]})


def json_past(past: Past, changes: Mapping[str, Sequence[Change]]) -> str:
    """Return all that is remembered of one entry; `changes` are what was to change on each server, by its name."""
    servers = [
        {
            "server": each.server,
            "version": each.version or None,
            "authority": each.authority,
            "is_overwritten": each.planned is not None,
            "changes": [_without_cause(change) for change in changes.get(each.server, ())],
        }
        for each in past.servers
    ]
    steps = [
        {"at": each.at.isoformat(), "server": each.server, "command": each.command, "result": each.result}
        for each in past.steps
    ]
    return json_text({"entries": [entry_value(past.entry)], "servers": servers, "steps": steps})


def _without_cause(change: Change) -> dict[str, Any]:
    return {key: value for key, value in change_value(change).items() if key not in {"cause", "moved", "risk"}}


def entry_value(entry: Entry) -> dict[str, Any]:
    """Return one entry as a JSON value."""
    run = entry.run
    return {
        "id": entry.number,
        "at": entry.at.isoformat(),
        "kind": entry.kind,
        "relationship": entry.relationship,
        "service": None if entry.service is None else entry.service.value,
        "run": None if run is None else {"command": run.command, "user": run.user, "host": run.host, "pid": run.pid},
        "ended_at": None if entry.ended_at is None else entry.ended_at.isoformat(),
        "standing": entry.standing.value.replace(" ", "-"),
        "exit_code": entry.exit_code,
        "results": [_result(each) for each in entry.results],
        "summary": entry.summary,
        "severity": entry.severity or None,
        "details": list(entry.details),
        "revision": entry.revision,
        "finding": entry.finding,
        "is_over": entry.is_over,
        "back_to": entry.back_to,
    }


def _result(result: PastResult) -> dict[str, Any]:
    return {
        "server": result.server,
        "result": result.result.replace(" ", "-"),
        "persisted": result.persisted,
        "reason": result.reason or None,
    }
