"""The last lines of a report on a plan: what it all comes to, one sentence a line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator

from reconciler.model import Action, Plan
from reconciler.planning.risk import destruction
from reconciler.planning.verdict import unapproved
from reconciler.reports.numbers import count

_WORD = re.compile(r"[a-z]{1,20}(-[a-z]{1,20}){1,4}")


def plan_summary(plan: Plan, approved: Collection[str] = (), fingerprint: str = "") -> Iterator[str]:
    """Yield what a plan comes to: how much to do where, and what could not be planned or is blocked; with the plan's
    fingerprint also how the latter can be approved for this plan alone.
    """
    if not plan.relationships:
        yield "Nothing to plan: no relationship is desired."
        return
    actions = _actions(plan)
    undone = _undone(plan)
    if actions:
        yield f"Plan: {', '.join(f'{actions[action]} to {action}' for action in Action)} {_place(plan)}."
    destroyed = _destroyed(plan)
    if destroyed:
        yield f"Destructive: {', '.join(f'{destroyed[code]} {code}' for code in sorted(destroyed))}."
    mended = sum(len(each.mends) for each in plan.relationships)
    if mended:
        yield f"{count(mended, 'thing')} that an earlier run left behind would be put right."
    if undone:
        yield f"{_of_all(undone, plan)} could not be planned."
    in_part = _in_part(plan)
    if in_part:
        yield f"{_of_all(in_part, plan)} could be planned in part only: a server can't be reached."
    withheld = sum(each.withheld is not None for each in plan.relationships)
    if withheld:
        yield f"What else is due in {_of_all(withheld, plan)} would not be done."
    if not actions and undone + withheld < len(plan.relationships):
        yield "No changes elsewhere." if undone or withheld else "No changes. Every server is as desired."
    objections = [unapproved(each, approved) for each in plan.relationships if each.unplanned is None]
    blocked = sum(map(bool, objections))
    if blocked:
        yield f"{_of_all(blocked, plan)} {'is' if blocked == 1 else 'are'} blocked by safety objections."
    if fingerprint and any(each.approvable for found in objections for each in found):
        yield f"To approve for this plan alone: --approve CODE@{fingerprint}, or a file approvals/{fingerprint}.yaml."


def drift_summary(plan: Plan) -> Iterator[str]:
    """Yield what a drift comes to; its signs say what `apply` would do about it."""
    if not plan.relationships:
        yield "Nothing to compare: no relationship is desired."
        return
    number = _actions(plan).total()
    undone = sum(each.unplanned is not None and not each.has_changes for each in plan.relationships)
    if number:
        yield f"Drift: {count(number, 'difference')} {_place(plan)}."
        yield "The signs say what apply would do there: + add, ~ change, - delete."
        if not all(each.relationship.replicate for each in plan.relationships if each.has_changes):
            yield "Where replicate is false, apply leaves DHCP data as they are."
    if undone:
        yield f"{_of_all(undone, plan)} could not be compared."
    in_part = _in_part(plan) + _undone(plan) - undone
    if in_part:
        yield f"{_of_all(in_part, plan)} could be compared in part only: a server can't be reached."
    if not number and undone < len(plan.relationships):
        yield "No drift elsewhere." if undone else "No drift."


def _actions(plan: Plan) -> Counter[Action]:
    return Counter(change.action for each in plan.relationships for server in each.servers for change in server.changes)


def _destroyed(plan: Plan) -> Counter[str]:
    """Count what is destroyed by its code; a kind of object that is no word of ours, as a file may have it, is no part
    of one.
    """
    codes = (destruction(change) for each in plan.relationships for server in each.servers for change in server.changes)
    return Counter(code if _WORD.fullmatch(code) else "delete-object" for code in codes if code is not None)


def _undone(plan: Plan) -> int:
    return sum(each.unplanned is not None for each in plan.relationships)


def _in_part(plan: Plan) -> int:
    return sum(bool(each.unreachable) and each.unplanned is None for each in plan.relationships)


def _place(plan: Plan) -> str:
    servers = {server.peer.server for each in plan.relationships for server in each.servers if server.changes}
    touched = sum(each.has_changes for each in plan.relationships)
    return f"on {count(len(servers), 'server')} in {_of_all(touched, plan)}"


def _of_all(number: int, plan: Plan) -> str:
    return f"{number} of {count(len(plan.relationships), 'relationship')}"
