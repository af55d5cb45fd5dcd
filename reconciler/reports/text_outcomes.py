"""What a plan that was carried out did, as text for people: where each server stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.model import RelationshipOutcome, Result, ServerOutcome
from reconciler.redaction import visible
from reconciler.reports.colours import Style, paint
from reconciler.reports.numbers import count
from reconciler.reports.text_objections import objection_lines
from reconciler.reports.values import shown_name

_STYLES: Final = {
    Result.APPLIED: Style.GOOD,
    Result.NOTHING_TO_DO: Style.QUIET,
    Result.MENDED: Style.GOOD,
    Result.RESTORED: Style.WARNING,
    Result.FAILED: Style.BAD,
    Result.WORLD_CHANGED: Style.WARNING,
    Result.NOT_ATTEMPTED: Style.WARNING,
}


def text_outcomes(outcomes: Sequence[RelationshipOutcome], command: str = "apply", *, colour: bool = False) -> str:
    """Return the outcomes of a command as text, in their own order, without a line end at its end."""
    blocks = ["\n".join(outcome_lines(each, colour=colour)) for each in outcomes]
    summary = "\n".join(paint(line, Style.HEADING, colour=colour) for line in outcome_summary(outcomes, command))
    return "\n\n".join([*blocks, summary])


def outcome_lines(outcome: RelationshipOutcome, *, colour: bool = False) -> Iterator[str]:
    """Yield what became of one relationship."""
    yield paint(f"{shown_name(outcome.relationship)}:", Style.HEADING, colour=colour)
    yield from (f"  {line}" for line in objection_lines(outcome.blocked_by, colour=colour))
    told = "; ".join(each.message for each in outcome.blocked_by)
    for server in outcome.servers:
        style = Style.WARNING if server.persisted is False else _STYLES[server.result]
        yield f"  {shown_name(server.server)}: {paint(standing(server), style, colour=colour)}" + (
            "" if server.reason == told else f": {visible(server.reason)}"
        )


def standing(server: ServerOutcome) -> str:
    """Return in a few words where a server stands: its result, and whether that would survive a restart."""
    if server.persisted is None:
        return server.result.value
    return f"{server.result}, {'persisted' if server.persisted else 'NOT persisted'}"


def outcome_summary(outcomes: Sequence[RelationshipOutcome], command: str = "apply") -> Iterator[str]:
    """Yield what a command comes to, one sentence a line."""
    servers = [server for each in outcomes for server in each.servers]
    found = Counter(server.result for server in servers)
    if found.keys() <= {Result.NOTHING_TO_DO}:
        yield "Nothing to do. Every server is as desired."
        return
    parts = ", ".join(f"{found[result]} {result}" for result in Result if found[result])
    distinct = len({server.server for server in servers})
    more = "" if distinct == len(servers) else "; one that is in several counts in each"
    where = f"{count(distinct, 'server')} in {count(len(outcomes), 'relationship')}"
    yield f"{command.capitalize()}: {parts}, of {where}{more}."
    unpersisted = sum(server.persisted is False for server in servers)
    if unpersisted:
        yield f"{count(unpersisted, 'server')} not persisted: send config-write there once the cause is gone."
    blocked = sum(bool(each.blocked_by) for each in outcomes)
    if blocked:
        yield f"{count(blocked, 'relationship')} blocked by safety objections."
