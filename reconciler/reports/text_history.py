"""What happened, as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from reconciler.model import Change, Entry, Past, PastResult, PastStep, Result, Standing
from reconciler.model.history import CHANGED, OPERATED
from reconciler.model.moments import moment
from reconciler.planning.returning import ways_back
from reconciler.redaction import visible
from reconciler.reports.colours import Style, paint
from reconciler.reports.numbers import count
from reconciler.reports.tables import table
from reconciler.reports.text_changes import change_lines
from reconciler.reports.values import shown_name

_STYLES: Final = {"error": Style.BAD, "warning": Style.WARNING}
_SHOWN_STEPS: Final = 40


def text_history(entries: Sequence[Entry], relationship: str | None = None, *, colour: bool = False) -> str:
    """Return what happened as text, one line each, in the order given, without a line end at its end."""
    if not entries:
        return "Nothing is remembered" + (f" of {_named(relationship)}." if relationship else ".")
    rows = [("id", "when", "relationship", "what")]
    rows += [
        (str(each.number), moment(each.at), shown_name(each.relationship or "-"), entry_words(each)) for each in entries
    ]
    head, *lines = table(rows)
    painted = [_painted(line, each, colour=colour) for line, each in zip(lines, entries, strict=True)]
    return "\n".join([paint(head, Style.QUIET, colour=colour), *painted])


def _named(relationship: str) -> str:
    """Return the name of a relationship, or of what was taken for one, and may have been meant for an entry."""
    is_id = relationship.isascii() and relationship.isdecimal()
    return shown_name(relationship) + (
        f"; `kea-reconciler history show {relationship}` shows an entry by its id" * is_id
    )


def _painted(line: str, entry: Entry, *, colour: bool) -> str:
    style = _STYLES.get(entry.severity)
    if entry.standing is Standing.CUT_OFF or any(each.result == "failed" for each in entry.results):
        style = Style.BAD
    return line if style is None or entry.is_over else paint(line, style, colour=colour)


def entry_words(entry: Entry) -> str:
    """Return in one line what an entry is about."""
    if entry.kind not in {CHANGED, OPERATED}:
        return f"{'over: ' if entry.is_over else ''}{visible(entry.summary)}"
    run = entry.run
    who = f"`{visible(run.command)}` by {visible(run.user)}" if run else "a run"
    if entry.standing is not Standing.ENDED:
        return f"{who}: {entry.standing}"
    if entry.kind == OPERATED:
        return who if not entry.exit_code else f"{who}: exit code {entry.exit_code}"
    touched = [each for each in entry.results if each.result != "nothing to do"]
    return f"{who}: {', '.join(map(result_words, touched)) or 'nothing was changed'}"


def result_words(result: PastResult) -> str:
    """Return what became of one server."""
    text = f"{shown_name(result.server)} {visible(result.result)}"
    return f"{text}, NOT persisted" if result.persisted is False else text


def text_past(past: Past, changes: Mapping[str, Sequence[Change]], *, colour: bool = False) -> str:
    """Return all that is remembered of one entry; `changes` are what was to change on each server, by its name."""
    entry = past.entry
    name = f" {shown_name(entry.relationship)}" if entry.relationship else ""
    service = f" ({entry.service})" if entry.service else ""
    head = paint(f"{entry.number}:{name}{service}", Style.HEADING, colour=colour)
    lines = [head, *(f"  {line}" for line in _head_lines(entry)), *_server_lines(past, changes, colour=colour)]
    lines += _step_lines(past.steps)
    if entry.relationship:
        ways = map(visible, ways_back(entry.relationship, entry.number, past.servers))
        lines += [f"  to have the data again that were there before: {command}" for command in ways]
    return "\n".join(lines)


def _head_lines(entry: Entry) -> Iterator[str]:
    end = f" to {moment(entry.ended_at)}" if entry.ended_at else ""
    yield f"when: {moment(entry.at)}{end}"
    if entry.run:
        run = entry.run
        yield f"who: `{visible(run.command)}` of {visible(run.user)} on {visible(run.host)} (pid {run.pid})"
    if entry.revision:
        yield f"revision of desired: {shown_name(entry.revision)}"
    if entry.back_to is not None:
        yield f"a rollback to {entry.back_to}"
    if entry.standing is not Standing.ENDED:
        yield f"it {'was cut off' if entry.standing is Standing.CUT_OFF else 'goes on'}"
    if entry.summary:
        yield f"{entry.kind}{', over' if entry.is_over else ''}: {visible(entry.summary)}"
    yield from (f"  {visible(each)}" for each in entry.details)


def _server_lines(past: Past, changes: Mapping[str, Sequence[Change]], *, colour: bool) -> Iterator[str]:
    results = {each.server: each for each in past.entry.results}
    for server in past.servers:
        told = results.get(server.server)
        words = result_words(told) if told else f"{shown_name(server.server)}: how it ended is not known"
        version = f", Kea {visible(server.version)}" if server.version else ""
        truth = ", the authority" if server.authority else ""
        why = f": {visible(told.reason)}" if told and told.reason and not _is_as_meant(told) else ""
        yield f"  {words}{version}{truth}{why}"
        for change in changes.get(server.server, ()):
            yield from (f"    {line}" for line in change_lines(change, colour=colour))


def _is_as_meant(result: PastResult) -> bool:
    """Whether a server has what it was to have, and on its disk, so that there is no more to say."""
    return result.result in {Result.APPLIED, Result.NOTHING_TO_DO} and result.persisted is not False


def _step_lines(steps: Sequence[PastStep]) -> Iterator[str]:
    if steps:
        yield "  what was sent:"
    for step in steps[:_SHOWN_STEPS]:
        at = step.at.astimezone().strftime("%H:%M:%S")
        yield f"    {at} {shown_name(step.server)} {visible(step.command)}: {step_words(step.result)}"
    if len(steps) > _SHOWN_STEPS:
        yield f"    and {count(len(steps) - _SHOWN_STEPS, 'more step')}; --format json has them all"


def step_words(result: int | None) -> str:
    """Return how a command ended, in words."""
    if result is None:
        return "no answer"
    return "not sent" if result < 0 else "done" if result == 0 else f"result {result}"
