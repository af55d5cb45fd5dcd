"""Operations as text for people: what will be done, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.planning.scenes import (
    Decision,
    Ending,
    Operation,
    OperationOutcome,
    Scene,
    Standing,
    standings,
)
from reconciler.redaction import visible
from reconciler.reports.colours import Style, paint
from reconciler.reports.numbers import seconds
from reconciler.reports.tables import table
from reconciler.reports.values import shown_name

_STYLES: Final = {
    Ending.DONE: Style.GOOD,
    Ending.NOTHING_TO_DO: Style.QUIET,
    Ending.REFUSED: Style.BAD,
    Ending.FAILED: Style.BAD,
}


def text_decision(operation: Operation, scene: Scene, decision: Decision, *, colour: bool = False) -> str:
    """Return what an operation finds and what it will do, for the person who is asked; no line end at its end."""
    relationship = scene.relationship
    head = f"{operation} {shown_name(scene.peer.server)}"
    place = f"in {shown_name(relationship.name)}: {relationship.service}, {relationship.mode}"
    lines = [paint(f"{head}, {place}", Style.HEADING, colour=colour)]
    found = standings(relationship, scene.live)
    columns = ("server", "role", "state", "scopes", "partner heard")
    lines += [f"  {line}" for line in table([columns, *map(_row, found)])]
    lines += [f"  {line}" for line in _reason_lines(found, decision)]
    lines += [f"  {visible(each)}" for each in decision.says]
    lines += [f"  {line}" for line in _refusal_lines(decision, colour=colour)]
    lines += [f"  to send: {each.command} to {shown_name(each.server)}" for each in decision.orders]
    return "\n".join(lines)


def text_operation(outcome: OperationOutcome, *, colour: bool = False, is_alone: bool = False) -> str:
    """Return what became of an operation, and the states before and after; no line end at its end. Where it `is_alone`,
    not below the decision, it says itself why nothing was sent.
    """
    lines: list[str] = []
    if is_alone and not outcome.after:
        lines += _refusal_lines(outcome.decision, colour=colour)
    if outcome.after:
        columns = ("server", "role", "state before", "state now", "scopes now", "partner heard")
        lines += table([columns, *map(_change, outcome.before, outcome.after)])
        lines += _reason_lines(outcome.after, outcome.decision)
        lines += _refusal_lines(outcome.decision, colour=colour)
        lines += [
            f"{shown_name(each.order.server)} on {each.order.command}: {visible(each.text)}" for each in outcome.answers
        ]
    told = "" if outcome.ending is Ending.REFUSED else "".join(f": {visible(each)}" for each in _joined(outcome))
    words = {Ending.DONE: "Done", Ending.NOTHING_TO_DO: "Nothing to do", Ending.FAILED: "Failed"}
    said = words.get(outcome.ending, "Refused; nothing was sent.")
    lines.append(paint(f"{said}{told}{'' if said.endswith('.') else '.'}", _STYLES[outcome.ending], colour=colour))
    return "\n".join(lines)


def _joined(outcome: OperationOutcome) -> Sequence[str]:
    return ["; ".join(outcome.reasons)] if outcome.reasons else []


def _refusal_lines(decision: Decision, *, colour: bool) -> Iterator[str]:
    for each in decision.refusals:
        told = f"{visible(each.code)} ({visible(each.object)}): {visible(each.message)}"
        yield paint(f"refused: {told}", Style.BAD, colour=colour)
        yield f"    {visible(each.advice)}"


def _reason_lines(found: Sequence[Standing], decision: Decision) -> Iterator[str]:
    """Yield why the state of a server is not known, unless a refusal says so below."""
    told = [each.message for each in decision.refusals]
    for each in found:
        if each.reason and not any(text.startswith(each.server) and each.reason in text for text in told):
            yield f"{shown_name(each.server)}: {visible(each.reason)}"


def _row(standing: Standing) -> tuple[str, ...]:
    return (shown_name(standing.server), standing.role, _state(standing), _scopes(standing), _heard(standing))


def _change(before: Standing, after: Standing) -> tuple[str, ...]:
    return (
        shown_name(after.server),
        after.role,
        _state(before),
        _state(after),
        _scopes(after),
        _heard(after),
    )


def _state(standing: Standing) -> str:
    return shown_name(standing.state) if standing.state else "unknown"


def _scopes(standing: Standing) -> str:
    return ", ".join(map(shown_name, standing.scopes)) or ("none" if standing.state else "-")


def _heard(standing: Standing) -> str:
    return "-" if standing.heard is None else f"{seconds(round(standing.heard))} ago"
