"""Events of one moment: what was carried out."""

from __future__ import annotations

import traceback
from datetime import datetime
from pathlib import Path

from reconciler.model import Event, EventKind, Gravity, PastServer, RelationshipPlan, Result, ServerOutcome
from reconciler.planning.returned import data_changes
from reconciler.planning.returning import ways_back
from reconciler.planning.verdict import ExitCode, of_outcomes
from reconciler.reports.text_changes import change_lines
from reconciler.reports.text_outcomes import standing
from reconciler.watching.acting import Deed

_MOST = 50  # lines of changes that an event carries


def applied(deed: Deed, at: datetime, revision: str) -> Event:
    """Return what is told of a relationship that was carried out."""
    relationship = deed.plan.relationship
    done = [each.server for each in deed.outcome.servers if each.result in {Result.APPLIED, Result.MENDED}]
    text = f"{' and '.join(done)} changed" if done else "nothing changed"
    if deed.is_interrupted:
        text += "; it was interrupted"
    elif of_outcomes([deed.outcome]) is not ExitCode.OK:
        text += f"; {failure(deed)}"
    lines = [_line(each) for each in deed.outcome.servers]
    if deed.entry is not None and any(map(data_changes, deed.applied.servers)):
        ways = " or ".join(f"`{each}`" for each in ways_back(relationship.name, deed.entry, _past(deed.plan)))
        lines.append(f"what was overwritten is kept: {ways} brings it back")
    for server in deed.applied.servers:
        for change in server.changes[: max(0, _MOST - len(lines))]:
            lines += [f"{server.peer.server}: {line}" for line in change_lines(change, colour=False)]
    return Event(
        at,
        EventKind.APPLIED,
        Gravity.ERROR if deed.has_failed else Gravity.INFO,
        f"{relationship.name}: {text}",
        relationship.name,
        relationship.service,
        tuple(lines),
        revision,
    )


def _past(plan: RelationshipPlan) -> list[PastServer]:
    """Return the servers that were to be changed as the history has them."""
    truth, service = plan.authority.server, plan.relationship.service
    return [
        PastServer(
            each.peer.server,
            service,
            authority=each.peer.server == truth,
            before=each.snapshot.config,
            planned=each.outgoing,
        )
        for each in plan.servers
    ]


def failure(deed: Deed) -> str:
    """Return in words what kept a relationship from its goal."""
    short = [
        each
        for each in deed.outcome.servers
        if each.result not in {Result.APPLIED, Result.MENDED, Result.NOTHING_TO_DO} or each.persisted is False
    ]
    return "; ".join(map(_line, short)) or "it did not reach its goal"


def unforeseen(error: Exception) -> str:
    """Return what is told of an exception that nobody foresaw: its own text may hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    place = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-3:]))
    return f"internal error, please report it: {type(error).__name__} at {place}"


def _line(server: ServerOutcome) -> str:
    return f"{server.server}: {standing(server)}: {server.reason}"
