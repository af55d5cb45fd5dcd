"""A plan as the JSON value of a plan file (schemas/plan.schema.json)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from reconciler import __version__
from reconciler.model import (
    ABSENT,
    Change,
    FieldChange,
    OnPrimaryReturn,
    Plan,
    Position,
    Problem,
    Relationship,
    RelationshipPlan,
    ServerPlan,
    Snapshot,
)
from reconciler.planning.sources import source_of
from reconciler.planning.wanted import desired_digest
from reconciler.reports.costs import cost, is_affected
from reconciler.reports.json_plan import plan_value
from reconciler.reports.text_changes import cause_words
from reconciler.saved.digests import Key, holds_secrets, plain_digest, sealed
from reconciler.saved.fingerprint import fingerprint

FORMAT: Final = (1, 2)
"""Major and minor version: a minor one only adds, and what is older reads it; a major one nobody older does."""


@dataclass(frozen=True, slots=True)
class Made:
    """Of which run a plan file is: an id that no other has, when, for how long, and which relationships were asked for,
    None for all.
    """

    id: str
    at: datetime
    hours: float
    selection: Sequence[str] | None
    key: Key = field(repr=False)


def document(plan: Plan, made: Made, approved: Sequence[str] = ()) -> dict[str, Any]:
    """Return a plan as the value of a plan file. `approved` are the codes of objections that are waved through."""
    value = plan_value(plan, approved=approved)
    for told, each in zip(value["relationships"], plan.relationships, strict=True):
        _complete(told, each, made.key)
    undone = any(each.unplanned is not None or each.unreachable for each in plan.relationships)
    head = _head(made, plan.revision, plan.digest, is_errored=undone)
    whole = {**head, **value, "problems": []}
    return sealed({**whole, "fingerprint": fingerprint(whole)})


def failed_document(made: Made, problems: Sequence[Problem], reason: str = "") -> dict[str, Any]:
    """Return the value of the file of a plan that could not be made: for its problems, or for another reason."""
    told = [
        {
            "source": _place(each.position),
            "severity": each.severity.value,
            "rule": each.rule,
            "message": each.message,
            "advice": each.advice,
        }
        for each in problems
    ]
    if reason:
        told.append({"source": None, "severity": "error", "rule": "failed", "message": reason, "advice": ""})
    empty = {"has_changes": False, "relationships": [], "unmanaged": [], "fingerprint": None}
    return sealed({**_head(made, None, None, is_errored=True), **empty, "problems": told})


def _head(made: Made, revision: str | None, digest: str | None, *, is_errored: bool) -> dict[str, Any]:
    return {
        "format_version": ".".join(map(str, FORMAT)),
        "program_version": __version__,
        "id": made.id,
        "created_at": _time(made.at),
        "expires_at": _time(made.at + timedelta(hours=made.hours)),
        "errored": is_errored,
        "key": made.key.name,
        "revision": revision,
        "desired_digest": digest,
        "selection": None if made.selection is None else sorted(set(made.selection)),
    }


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _place(position: Position | None) -> dict[str, Any] | None:
    if position is None:
        return None
    return {"file": position.file, "line": position.line, "column": position.column}


def _complete(told: dict[str, Any], plan: RelationshipPlan, key: Key) -> None:
    """Add to the value of a relationship what the report on a plan does not hold."""
    relationship = plan.relationship
    del told["steps"]  # they follow from the rest
    told["source"] = _place(relationship.position)
    told["wanted"] = plain_digest(
        [
            None if relationship.is_absent else desired_digest(relationship),
            relationship.pools.value,
            relationship.on_remove.value,
            *_held(relationship),
        ]
    )
    for value, away in zip(told["unreachable"], plan.unreachable, strict=True):
        value["source"] = _place(away.endpoint.position)
    for value, server in zip(told["servers"], plan.servers, strict=True):
        del value["pause"]
        value["source"] = _place(server.peer.position)
        value["control"] = server.snapshot.endpoint.control
        value["state"] = _state(server.snapshot)
        value["cost"] = cost(plan, server) if is_affected(plan, server) else None
        value["is_left"] = server.is_left
        for told_change, change in zip(value["changes"], server.changes, strict=True):
            _complete_change(told_change, plan, server, change, key)


def _held(relationship: Relationship) -> list[str]:
    """Return the policy that holds the partner's changes, nothing where it is the default one."""
    policy = relationship.on_primary_return
    return [] if policy is OnPrimaryReturn.PRIMARY else [policy.value]


def _state(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "version": snapshot.version,
        "ha_state": snapshot.ha.state if snapshot.ha else None,
        "scopes": list(snapshot.ha.scopes) if snapshot.ha else [],
        "fingerprint": f"sha256:{plain_digest(snapshot.config)}",
    }


def _complete_change(
    told: dict[str, Any], plan: RelationshipPlan, server: ServerPlan, change: Change, key: Key
) -> None:
    reason = cause_words(change.cause, change.moved, server.peer.server, plan.authority.server)
    told["reason"] = reason.partition(": ")[2]
    told["source"] = _place(source_of(plan.relationship, server.peer, change))
    told["content"] = _content(change.item, key)
    for value, field_change in zip(told["fields"], change.fields, strict=True):
        value["digests"] = _digests(field_change, key)


def _content(item: Mapping[str, Any] | None, key: Key) -> dict[str, str | None] | None:
    if item is None:
        return None
    return {"digest": f"sha256:{plain_digest(item)}", "keyed": key.digest(item) if holds_secrets(item) else None}


def _digests(change: FieldChange, key: Key) -> dict[str, str | None] | None:
    """Return the digests of the two values of a secret; None where nothing is hidden."""
    if change.hidden is None:
        return None
    before, after = (None if side is ABSENT else key.digest(side) for side in change.hidden)
    return {"before": before, "after": after}
