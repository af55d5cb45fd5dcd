"""Why changes are planned, as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.redaction import visible
from reconciler.reports.colours import Style, paint
from reconciler.reports.text_changes import cause_words, change_lines
from reconciler.reports.values import shown_name

if TYPE_CHECKING:
    from reconciler.model import Change, Position, RelationshipPlan


@dataclass(frozen=True, slots=True)
class Explanation:
    """What there is to say of one change on a server. `place` is where in the files it comes from, `since` in words how
    long that has been so, `meanings` what the object and its parameters are for, and `source` who says that.
    """

    server: str
    change: Change
    place: Position | None
    since: str
    meanings: tuple[tuple[str, str], ...]
    source: str


def text_explained(plan: RelationshipPlan, told: Sequence[Explanation], *, colour: bool = False) -> str:
    """Return explanations of changes in one relationship, in their order; each meaning is said once."""
    relationship, authority = plan.relationship, plan.authority
    head = f"{shown_name(relationship.name)}: {relationship.service}, {relationship.mode}"
    lines = [paint(head, Style.HEADING, colour=colour)]
    if authority.server is not None:
        lines.append(f"  authority: {shown_name(authority.server)} ({visible(authority.reason)})")
    said: set[str] = set()
    for each in told:
        lines += (f"  {line}" for line in _lines(each, authority.server, said, colour=colour))
    if plan.objections:
        codes = ", ".join(dict.fromkeys(objection.code for objection in plan.objections))
        lines.append(f"  The plan is objected to ({codes}); `kea-reconciler plan` says why.")
    return "\n".join(lines)


def _lines(each: Explanation, authority: str | None, said: set[str], *, colour: bool) -> Iterator[str]:
    yield f"{shown_name(each.server)}:"
    yield from (f"  {line}" for line in change_lines(each.change, colour=colour))
    yield f"    why: {cause_words(each.change.cause, each.change.moved, each.server, authority)}"
    if each.place is not None:
        yield f"    where: {visible(str(each.place))}"
    yield f"    since: {visible(each.since)}"
    new = [(name, text) for name, text in each.meanings if name not in said]
    said.update(name for name, _ in new)
    yield from (f"    {shown_name(name)}: {text}" for name, text in new)
    if new:
        yield f"    by: {each.source}"
