"""A plan that was shown, in the words in which it is remembered: one relationship, what it would have done, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from reconciler.kea.fingerprints import digest
from reconciler.model import Plan, RelationshipPlan, Shown
from reconciler.reports.numbers import count
from reconciler.reports.text_changes import cause_words, change_lines

_MOST = 200  # lines that are kept; two plans that differ further below have different marks all the same


def shown(plan: Plan, command: str, user: str, at: datetime, scrub: Callable[[str], str]) -> tuple[Shown, ...]:
    """Return what is to be remembered of a plan that `command` of `user` showed: each relationship with work in it.

    `scrub` takes secrets out of a text.
    """
    return tuple(
        _shown(each, plan.revision, command, user, at, scrub)
        for each in plan.relationships
        if each.has_changes or each.mends
    )


def _shown(
    plan: RelationshipPlan, revision: str, command: str, user: str, at: datetime, scrub: Callable[[str], str]
) -> Shown:
    relationship = plan.relationship
    lines = [*_lines(plan)]
    held = [f"held by {each.code}: {each.message}" for each in plan.objections]
    kept = [*lines, *held]
    if len(kept) > _MOST:
        kept = [*kept[:_MOST], f"and {len(kept) - _MOST} more lines"]
    mark = digest([relationship.name, plan.procedure, plan.authority.server, sorted(lines), _codes(plan)])
    what = _what(plan)
    return Shown(
        at,
        command,
        user,
        relationship.name,
        relationship.service,
        revision,
        mark,
        scrub(f"`{command}` by {user} showed {what}, not carried out"),
        tuple(map(scrub, kept)),
    )


def _codes(plan: RelationshipPlan) -> list[str]:
    return sorted({each.code for each in plan.objections})


def _what(plan: RelationshipPlan) -> str:
    changed = [server.peer.server for server in plan.servers if server.changes]
    number = sum(len(server.changes) for server in plan.servers)
    found = [f"{count(number, 'change')} on {' and '.join(changed)}"] if changed else []
    if plan.mends:
        found.append(f"what an earlier run left on {' and '.join(each.server for each in plan.mends)}")
    return " and ".join(found)


def _lines(plan: RelationshipPlan) -> Iterator[str]:
    for server in plan.servers:
        name = server.peer.server
        for change in server.changes:
            first, *rest = (line.strip() for line in change_lines(change, colour=False))
            why = cause_words(change.cause, change.moved, name, plan.authority.server)
            yield f"{name}: {' '.join((first, ', '.join(rest))).strip()} ({why})"
    yield from (f"{mend.server}: {mend.reason}" for mend in plan.mends)
