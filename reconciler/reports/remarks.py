"""What of a result is worth an annotation: at which line, and how severe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from reconciler.model import (
    Action,
    Cause,
    Health,
    Objection,
    Plan,
    Position,
    Problem,
    RelationshipOutcome,
    RelationshipPlan,
    RelationshipStatus,
    Result,
    ServerPlan,
    Severity,
)
from reconciler.planning.risk import destruction
from reconciler.planning.sources import source_of
from reconciler.planning.verdict import is_approved
from reconciler.reports.annotations import Annotation, Level
from reconciler.reports.text_changes import change_lines, object_words
from reconciler.reports.text_outcomes import standing

_HEALTH = {Health.SERVICE_DOWN: Level.ERROR, Health.IMPAIRED: Level.WARNING}
_RESULTS = {
    Result.APPLIED: Level.NOTICE,
    Result.MENDED: Level.NOTICE,
    Result.RESTORED: Level.ERROR,
    Result.FAILED: Level.ERROR,
    Result.WORLD_CHANGED: Level.ERROR,
    Result.NOT_ATTEMPTED: Level.ERROR,
}


def of_plan(plan: Plan, approved: Collection[str] = ()) -> Iterator[Annotation]:
    """Yield what keeps a plan from being carried out, each destructive change, and one remark for each server."""
    for each in plan.relationships:
        yield from _troubles(each)
        yield from (_objected(objection, each, approved) for objection in each.objections)
        for server in each.servers:
            yield from _changed(each, server)
        where = each.relationship.position
        yield from (Annotation(Level.NOTICE, f"{each.relationship.name}: note", note, where) for note in each.all_notes)


def of_drift(plan: Plan) -> Iterator[Annotation]:
    """Yield one warning for each server that differs; `plan` is one that `only_drift` returned."""
    for each in plan.relationships:
        yield from _troubles(each)
        if each.unplanned is not None:
            yield from (_objected(objection, each, ()) for objection in each.objections)
        for server in each.servers:
            if server.changes:
                title = f"{each.relationship.name}: {server.peer.server} differs"
                where = server.peer.position or each.relationship.position
                yield Annotation(Level.WARNING, title, "\n".join(_all_lines(server)), where)


def of_status(statuses: Sequence[RelationshipStatus], plan: Plan) -> Iterator[Annotation]:
    """Yield one remark for each relationship that is not OK; `plan` is what the statuses were made from."""
    places = _places(plan)
    for each in statuses:
        if each.status in _HEALTH:
            text = "\n".join(each.reasons) or "not OK"
            yield Annotation(_HEALTH[each.status], f"{each.name}: {each.status.value}", text, places.get(each.name))


def of_outcomes(outcomes: Sequence[RelationshipOutcome], plan: Plan) -> Iterator[Annotation]:
    """Yield one remark for each server that a plan was about, and each objection that kept one from being applied."""
    places = _places(plan)
    for each in outcomes:
        where = places.get(each.relationship)
        for objection in each.blocked_by:
            yield Annotation(Level.ERROR, f"{each.relationship}: {_named(objection)}", _told(objection), where)
        for server in () if each.blocked_by else each.servers:
            if server.result in _RESULTS:
                level = Level.ERROR if server.persisted is False else _RESULTS[server.result]
                title = f"{each.relationship}: {server.server}: {standing(server)}"
                yield Annotation(level, title, server.reason, where)


def of_problems(problems: Sequence[Problem]) -> Iterator[Annotation]:
    """Yield each problem of the files at its place."""
    for each in problems:
        level = Level.ERROR if each.severity is Severity.ERROR else Level.WARNING
        yield Annotation(level, each.rule, "\n".join(filter(None, [each.message, each.advice])), each.position)


def _troubles(plan: RelationshipPlan) -> Iterator[Annotation]:
    name, where = plan.relationship.name, plan.relationship.position
    for each in plan.unreachable:
        place = each.endpoint.position or where
        yield Annotation(Level.ERROR, f"{name}: {each.endpoint} can't be reached", each.reason, place)
    if plan.unplanned is not None and not plan.unreachable:
        yield Annotation(Level.ERROR, f"{name}: not planned", plan.unplanned, where)


def _objected(objection: Objection, plan: RelationshipPlan, approved: Collection[str]) -> Annotation:
    is_waved = is_approved(objection, approved)
    how = "also in the way" if plan.unplanned is not None else "blocked by"
    title = f"{plan.relationship.name}: {'approved' if is_waved else how} {_named(objection)}"
    return Annotation(Level.WARNING if is_waved else Level.ERROR, title, _told(objection), plan.relationship.position)


def _named(objection: Objection) -> str:
    return f"{objection.code} ({objection.object})" if objection.object else objection.code


def _told(objection: Objection) -> str:
    return f"{objection.message}\n{objection.advice}"


def _changed(plan: RelationshipPlan, server: ServerPlan) -> Iterator[Annotation]:
    relationship, name = plan.relationship, server.peer.server
    for change in server.changes:
        code = destruction(change)
        if code is not None:
            title = f"{relationship.name}: destructive on {name}: {code} ({object_words(change)})"
            text = "\n".join(change_lines(change, colour=False))
            yield Annotation(Level.WARNING, title, text, source_of(relationship, server.peer, change))
    if server.changes:
        found = Counter(change.action for change in server.changes)
        told = ", ".join(f"{found[action]} to {action}" for action in Action if found[action])
        asking = (
            source_of(relationship, server.peer, change) for change in server.changes if change.cause is Cause.GIT
        )
        where = next(filter(None, asking), None) or server.peer.position or relationship.position
        text = "\n".join(_all_lines(server))
        yield Annotation(Level.NOTICE, f"{relationship.name}: {name} would change ({told})", text, where)


def _all_lines(server: ServerPlan) -> Iterator[str]:
    for change in server.changes:
        yield from change_lines(change, colour=False)


def _places(plan: Plan) -> Mapping[str, Position | None]:
    return {each.relationship.name: each.relationship.position for each in plan.relationships}
