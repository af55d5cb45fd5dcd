"""Whether a plan does only what another one showed, so that what was approved of that one counts for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.model import Action, Change, RelationshipPlan
from reconciler.planning.risk import CLIENTS


def is_within(plan: RelationshipPlan, shown: RelationshipPlan) -> bool:
    """Whether a plan changes and objects to nothing that was not shown; some of it may be missing."""
    known = {(each.code, each.object) for each in shown.objections}
    return {(each.code, each.object) for each in plan.objections} <= known and not any(_beyond(shown, plan))


def is_approved_with(part: RelationshipPlan, whole: RelationshipPlan) -> bool:
    """Whether what was approved of a plan counts for a part of it, of the same authority and the same moment.

    Without an object that the whole would add, the rest may do more harm, such as taking the last subnet away. There
    only what is said of both in the same words was approved.
    """
    if part.authority.server != whole.authority.server or not is_within(part, whole):
        return False
    leaves_out = any(change.action is Action.ADD for change in _beyond(part, whole))
    return not leaves_out or set(part.objections) <= set(whole.objections)


def _beyond(plan: RelationshipPlan, other: RelationshipPlan) -> Iterator[Change]:
    """Yield what another plan changes that a plan does not."""
    known: dict[object, list[Change]] = {}
    for server in plan.servers:
        for change in map(_lasting, server.changes):
            known.setdefault((server.peer.server, change.path), []).append(change)
    for server in other.servers:
        for change in map(_lasting, server.changes):
            if change not in known.get((server.peer.server, change.path), ()):
                yield change


def _lasting(change: Change) -> Change:
    """Return a change without whom a server answers at the moment, which goes by the state of its HA."""
    if change.path[-1][0] != CLIENTS:
        return change
    return replace(change, fields=tuple(replace(each, before=None) for each in change.fields))
