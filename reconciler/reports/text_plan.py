"""A plan, and the drift in it, as text for people."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from reconciler.kea.locality import LOCAL
from reconciler.model import Plan, Relationship, RelationshipPlan, ServerPlan, Unmanaged
from reconciler.redaction import visible
from reconciler.reports.colours import Style, paint
from reconciler.reports.costs import disruption_words, is_affected
from reconciler.reports.tables import table
from reconciler.reports.text_changes import change_groups
from reconciler.reports.text_objections import objection_lines
from reconciler.reports.text_summary import drift_summary, plan_summary
from reconciler.reports.values import shown_name


@dataclass(frozen=True, slots=True)
class _View:
    """How the same plan is shown."""

    approved: Collection[str]
    colour: bool
    verbose: bool
    is_drift: bool
    fingerprint: str = ""


def text_plan(
    plan: Plan,
    *,
    approved: Collection[str] = (),
    colour: bool = False,
    verbose: bool = False,
    fingerprint: str = "",
) -> str:
    """Return a plan as text, without a line end at its end.

    `approved` are the codes of objections that are waved through, `fingerprint` what others can be approved by for this
    plan alone. Relationships about which there is nothing to say
    are left out; `verbose` shows them too, and servers without changes, and what is local to each server and why.
    """
    return _text(plan, _View(frozenset(approved), colour, verbose, is_drift=False, fingerprint=fingerprint))


def text_drift(plan: Plan, *, colour: bool = False, verbose: bool = False) -> str:
    """Return as text what differs although nobody changed desired; `plan` is one that `only_drift` returned."""
    return _text(plan, _View((), colour, verbose, is_drift=True))


def _text(plan: Plan, view: _View) -> str:
    blocks = [_relationship_block(each, view) for each in plan.relationships if view.verbose or is_worth_saying(each)]
    if plan.unmanaged and not view.is_drift:
        blocks.append("\n".join(unmanaged_lines(plan.unmanaged)))
    if view.verbose:
        blocks.append(_local_block(plan))
    summary = drift_summary(plan) if view.is_drift else plan_summary(plan, view.approved, view.fingerprint)
    blocks.append("\n".join(paint(line, Style.HEADING, colour=view.colour) for line in summary))
    return "\n\n".join(blocks)


def is_worth_saying(plan: RelationshipPlan) -> bool:
    """Whether there is anything to say about a relationship but that it is as desired."""
    return bool(
        plan.has_changes
        or plan.mends
        or plan.objections
        or plan.all_notes
        or plan.unreachable
        or plan.unplanned is not None
    )


# ---------------------------------------------------------------------------------------- one relationship


def relationship_lines(plan: RelationshipPlan, approved: Collection[str] = (), *, is_drift: bool = False) -> list[str]:
    """Return what is to be said about one relationship as lines without colour."""
    view = _View(frozenset(approved), colour=False, verbose=False, is_drift=is_drift)
    return _relationship_block(plan, view).split("\n")


def _relationship_block(plan: RelationshipPlan, view: _View) -> str:
    lines = [paint(heading(plan.relationship), Style.HEADING, colour=view.colour), *_authority_lines(plan)]
    lines += (paint(line, Style.BAD, colour=view.colour) for line in trouble_lines(plan, is_drift=view.is_drift))
    for server in plan.servers:
        lines += _server_lines(plan, server, view)
    lines += () if view.is_drift else (*_stage_lines(plan), *_mend_lines(plan, view))
    lines += (f"  {line}" for line in _against(plan, view.approved, colour=view.colour))
    lines += (paint(f"  note: {visible(note)}", Style.QUIET, colour=view.colour) for note in plan.all_notes)
    return "\n".join(lines)


def heading(relationship: Relationship) -> str:
    """Return the line that introduces a relationship: its name, service and mode."""
    return f"{shown_name(relationship.name)}: {relationship.service}, {relationship.mode}"


def _authority_lines(plan: RelationshipPlan) -> Iterator[str]:
    yield f"  authority: {shown_name(plan.authority.server or 'none')} ({visible(plan.authority.reason)})"


def _stage_lines(plan: RelationshipPlan) -> Iterator[str]:
    for stage in plan.stages:
        if stage.reason:
            names = [shown_name(name) for name in stage.servers]
            how = "one after the other, all or none" if stage.in_turn else "together, all or none"
            yield f"  {', '.join(names[:-1])} and {names[-1]} are changed {how}: {visible(stage.reason)}"


def _mend_lines(plan: RelationshipPlan, view: _View) -> Iterator[str]:
    for mend in plan.mends:
        text = f"  {shown_name(mend.server)} would be put right: {visible(mend.reason)}"
        yield paint(text, Style.WARNING, colour=view.colour)
    if plan.withheld is not None:
        yield f"  nothing else would be done: {visible(plan.withheld)}"


def trouble_lines(plan: RelationshipPlan, *, is_drift: bool) -> Iterator[str]:
    """Yield why a relationship could not be planned, or compared."""
    yield from (f"  unreachable: {visible(str(each.endpoint))}: {visible(each.reason)}" for each in plan.unreachable)
    if plan.unplanned is not None:
        how = "not planned" if not is_drift else "compared in part" if plan.has_changes else "not compared"
        yield f"  {how}: {visible(plan.unplanned)}"


def besides_lines(plan: RelationshipPlan, approved: Collection[str] = ()) -> Iterator[str]:
    """Yield what else is in the way of a relationship that could not be planned, of which nothing would be done."""
    if plan.unplanned is not None:
        yield from (f"  {line}" for line in _against(plan, approved, colour=False))


def _against(plan: RelationshipPlan, approved: Collection[str], *, colour: bool) -> Iterator[str]:
    lines = objection_lines(plan.objections, approved, colour=colour)
    if plan.unplanned is None:
        yield from lines
    elif plan.objections:
        yield "nothing would be done now; also in the way of it, as far as that can be told already:"
        yield from (f"  {line}" for line in lines)


def _server_lines(plan: RelationshipPlan, server: ServerPlan, view: _View) -> Iterator[str]:
    name = f"  {shown_name(server.peer.server)} ({server.peer.role})"
    has_cost = not view.is_drift and is_affected(plan, server)
    if server.changes:
        yield paint(f"{name} {'differs' if view.is_drift else 'would change'}:", Style.HEADING, colour=view.colour)
        groups = change_groups(server.changes, server.peer.server, plan.authority.server, colour=view.colour)
        yield from (f"    {line}" for line in groups)
    elif view.verbose or has_cost:
        same = "no drift" if view.is_drift else "as desired"
        yield f"{name}: {'left as it is' if server.is_left else same}"
    if has_cost:
        yield f"    disruption: {disruption_words(plan, server)}"


def unmanaged_lines(unmanaged: Sequence[Unmanaged]) -> Iterator[str]:
    """Yield what is in a relationship that no file describes and that has no stamp of ours."""
    yield "Unmanaged, and left alone (`kea-reconciler import` describes them):"
    for each in unmanaged:
        peers = ", ".join(map(shown_name, each.peers))
        yield f"  {shown_name(each.server)} ({each.service}): a relationship of {peers}"


# ------------------------------------------------------------------------------------------------- verbose


def _local_block(plan: Plan) -> str:
    """Return what never follows the authority: the built-in list with its reasons, and what desired adds to it."""
    lines = ["Local to each server, never replicated:"]
    lines += (f"  {line}" for line in table([*LOCAL.items()]))
    for each in plan.relationships:
        patterns = ", ".join(map(visible, each.relationship.local))
        if patterns:
            lines.append(f"  for {shown_name(each.relationship.name)} also: {patterns}")
    return "\n".join([*lines, f"Revision of desired: {shown_name(plan.revision)}"])
