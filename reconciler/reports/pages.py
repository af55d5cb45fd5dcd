"""Results as pages of Markdown: what takes something away or is wrong first and open, the rest folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from reconciler.model import (
    Action,
    Health,
    Plan,
    Problem,
    RelationshipOutcome,
    RelationshipPlan,
    RelationshipStatus,
    Result,
    Unmanaged,
)
from reconciler.planning.risk import is_destructive
from reconciler.planning.verdict import unapproved
from reconciler.redaction import visible
from reconciler.reports.markdown import Block, Page, as_diff, code, fold_code
from reconciler.reports.numbers import count
from reconciler.reports.text_changes import change_lines
from reconciler.reports.text_objections import objection_lines
from reconciler.reports.text_outcomes import outcome_lines, outcome_summary
from reconciler.reports.text_plan import (
    besides_lines,
    is_worth_saying,
    relationship_lines,
    trouble_lines,
    unmanaged_lines,
)
from reconciler.reports.text_problems import problem_lines, problem_summary
from reconciler.reports.text_status import WORDS, status_lines, status_summary
from reconciler.reports.text_summary import drift_summary, plan_summary
from reconciler.reports.values import shown_name

_LEGEND = "In the lists `+` is added, `!` changed and `-` deleted."


def plan_page(plan: Plan, *, approved: Collection[str] = (), verbose: bool = False, fingerprint: str = "") -> Page:
    """Return a plan: what is destructive, blocked or not planned open, then each relationship folded.

    `approved` are the codes of objections that are waved through, `fingerprint` what others can be approved by for this
    plan alone.
    """
    urgent = [
        *_destructive(plan),
        *_together("Blocked by safety objections", _blocked(plan, approved)),
        *_together("Not planned", _not_planned(plan, approved, is_drift=False)),
    ]
    rest = [_folded(each, approved, is_drift=False) for each in _told(plan, verbose=verbose)]
    lead = (*_bold_first(plan_summary(plan, approved, fingerprint)), *_legend(plan), _revision(plan))
    return Page("plan", "kea-reconciler plan", lead, (*urgent, *rest, *_unmanaged(plan.unmanaged)))


def drift_page(plan: Plan, *, verbose: bool = False) -> Page:
    """Return what differs although nobody changed desired; `plan` is one that `only_drift` returned."""
    urgent = [*_destructive(plan), *_together("Not compared", _not_planned(plan, (), is_drift=True))]
    rest = [_folded(each, (), is_drift=True) for each in _told(plan, verbose=verbose)]
    lead = (*_bold_first(drift_summary(plan)), *_legend(plan), _revision(plan))
    return Page("drift", "kea-reconciler drift", lead, (*urgent, *rest))


def status_page(statuses: Sequence[RelationshipStatus], unmanaged: Sequence[Unmanaged] = ()) -> Page:
    """Return how relationships are doing: those that are not OK open, the others folded."""
    blocks = [_health(each, health) for health in reversed(Health) for each in statuses if each.status is health]
    lead = tuple(_bold_first([status_summary(statuses)]))
    return Page("status", "kea-reconciler status", lead, (*blocks, *_unmanaged(unmanaged)))


def outcome_page(outcomes: Sequence[RelationshipOutcome], command: str = "apply") -> Page:
    """Return what a command did: relationships that did not reach their goal open, the others folded."""
    fine = {Result.APPLIED, Result.NOTHING_TO_DO}

    def is_fine(outcome: RelationshipOutcome) -> bool:
        return all(each.result in fine and each.persisted is not False for each in outcome.servers)

    blocks = [Block("", tuple(outcome_lines(each))) for each in outcomes if not is_fine(each)]
    for each in filter(is_fine, outcomes):
        applied = sum(server.result is Result.APPLIED for server in each.servers)
        words = f"{count(applied, 'server')} applied" if applied else "nothing to do"
        fold = f"{fold_code(each.relationship, 'A relationship')}: {words}"
        blocks.append(Block("", tuple(outcome_lines(each)), fold=fold))
    lead = tuple(_bold_first(outcome_summary(outcomes, command)))
    return Page(command, f"kea-reconciler {command}", lead, tuple(blocks))


def problem_page(problems: Sequence[Problem], name: str = "validate", valid: str = "") -> Page:
    """Return what is wrong with the files; `valid` says in our words that there is nothing that stops anything."""
    lines = tuple(line for each in problems for line in problem_lines(each))
    lead = [*([problem_summary(problems)] if problems else []), *([valid] if valid else [])]
    return Page(name, f"kea-reconciler {name}", tuple(_bold_first(lead)), (Block("", lines),) if lines else ())


def text_page(name: str, text: str) -> Page:
    """Return any text, open, as a page; also what ended a command before it had a result."""
    return Page(name, f"kea-reconciler {name}", (), (Block("", tuple(map(visible, text.strip("\n").split("\n")))),))


# ------------------------------------------------------------------------------------------------- blocks


def _bold_first(lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    for place, line in enumerate(lines):
        yield line if place else f"**{line}**"


def _legend(plan: Plan) -> tuple[str, ...]:
    return (_LEGEND,) if any(each.has_changes for each in plan.relationships) else ()


def _revision(plan: Plan) -> str:
    return f"Revision of desired: {code(plan.revision, 'unknown')}."


def _told(plan: Plan, *, verbose: bool) -> Iterator[RelationshipPlan]:
    return (each for each in plan.relationships if verbose or is_worth_saying(each))


def _together(heading: str, lines: Iterator[str]) -> Iterator[Block]:
    found = tuple(lines)
    if found:
        yield Block(f"### {heading}", found)


def _destructive(plan: Plan) -> Iterator[Block]:
    lines: list[str] = []
    number = 0
    for each in plan.relationships:
        for server in each.servers:
            changes = [change for change in server.changes if is_destructive(change)]
            number += len(changes)
            if changes:
                lines.append(f" on {shown_name(server.peer.server)}, in {shown_name(each.relationship.name)}:")
            lines += (as_diff(f"  {line}") for change in changes for line in change_lines(change, colour=False))
    if lines:
        yield Block(f"### Destructive: {count(number, 'change')}", lines, "diff")


def _blocked(plan: Plan, approved: Collection[str]) -> Iterator[str]:
    for each in plan.relationships:
        found = unapproved(each, approved)
        if found and each.unplanned is None:
            yield f"{shown_name(each.relationship.name)}:"
            yield from (f"  {line}" for line in objection_lines(found))


def _not_planned(plan: Plan, approved: Collection[str], *, is_drift: bool) -> Iterator[str]:
    for each in plan.relationships:
        lines = [*trouble_lines(each, is_drift=is_drift), *besides_lines(each, approved)]
        if lines:
            yield f"{shown_name(each.relationship.name)}:"
            yield from lines


def _folded(plan: RelationshipPlan, approved: Collection[str], *, is_drift: bool) -> Block:
    actions = Counter(change.action for server in plan.servers for change in server.changes)
    told = [f"{actions[action]} to {action}" for action in Action if actions[action]]
    told = told or ["nothing to change" if plan.unplanned is None else "not planned"]
    relationship = plan.relationship
    fold = f"{fold_code(relationship.name, 'A relationship')} ({relationship.service}): {', '.join(told)}"
    lines = relationship_lines(plan, approved, is_drift=is_drift)
    return Block("", tuple(map(as_diff, lines)), "diff", fold)


def _unmanaged(unmanaged: Sequence[Unmanaged]) -> Iterator[Block]:
    if unmanaged:
        lines = tuple(unmanaged_lines(unmanaged))
        yield Block("", lines, fold=f"{count(len(unmanaged), 'unmanaged entry', 'unmanaged entries')}")


def _health(status: RelationshipStatus, health: Health) -> Block:
    lines = tuple(status_lines(status))
    fold = f"{fold_code(status.name, 'A relationship')}: {WORDS[health][0]}" if health is Health.OK else ""
    return Block("", lines, fold=fold)
