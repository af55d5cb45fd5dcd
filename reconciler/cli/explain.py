"""`kea-reconciler explain`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import completing, options
from reconciler.cli.remembering import left_open, state_directory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model import Change, Desired, Entry, RelationshipPlan, ServerPlan, Service
    from reconciler.reports.text_explained import Explanation


@click.command(short_help="Say why a change is planned, since when, and what it is about.")
@click.argument("relationship", shell_complete=completing.relationships)
@click.argument("words", metavar="[OBJECT]", required=False)
@options.desired
@options.state_dir
@options.access
def explain(
    relationship: str,
    words: str | None,
    desired: Path,
    settings: Path | None,
    credentials: Path | None,
    log_level: str,
    state_dir: Path | None,
) -> int:
    """Say of each change that `plan` shows for RELATIONSHIP why it is due, and what it is about.

    That is: on which server, because of whom, by which file and line, since when as far as git and the history on this
    host know, and what the object and its parameters do in Kea. OBJECT chooses changes by words of theirs:
    10.0.0.0/24, "option routers", heartbeat-delay. Changes nothing. Ends with 1 where a server can't be read.
    """
    from reconciler.cli import session
    from reconciler.errors import UsageError
    from reconciler.planning.explained import asked_for
    from reconciler.reports.text_changes import object_words
    from reconciler.reports.text_explained import text_explained

    with session.told_errors():
        run = session.open_session(settings, credentials, log_level, desired)
        made, _ = session.make_plan(run, _desired(desired, relationship), left_open(run, state_dir))
        plan = next((each for each in made.relationships if each.relationship.name == relationship), None)
        if plan is None:
            names = ", ".join(each.relationship.name for each in made.relationships)
            raise UsageError(f"no relationship {relationship}, in desired or on a server; there are: {names}")
        if plan.unplanned is not None and not plan.has_changes:
            raise session.Failure(f"nothing could be planned for {relationship}: {run.scrubber.scrub(plan.unplanned)}")
        for away in plan.unreachable:
            run.echo(f"{away.endpoint} can't be read, so nothing is known of it: {away.reason}", err=True)
        code = 1 if plan.unreachable or plan.unplanned else 0
        if not plan.has_changes:
            run.echo(f"No change is planned for {relationship}.")
            return code
        found = asked_for(plan, words)
        if not found:
            others = sorted({object_words(change) for server in plan.servers for change in server.changes})
            told = run.scrubber.scrub("; ".join(others[:20]))
            raise UsageError(f"no change that is planned is of {words!r}. Planned are changes of: {told}")
        past = _changed(state_directory(state_dir), relationship, plan.relationship.service)
        run.echo(
            text_explained(
                plan,
                [_explanation(plan, server, change, past) for server, change in found],
                colour=session.wants_colour(sys.stdout),
            )
        )
        return code


def _desired(folder: Path, relationship: str) -> Desired:
    """Return what is to be planned: the relationship alone where it is declared, else all, since one whose file was
    deleted is known only by what servers have of it.
    """
    from reconciler.cli import session

    whole = session.load_all(folder)
    is_declared = relationship in {each.name for each in whole.relationships}
    return session.selected(whole, [relationship] if is_declared else [])


def _explanation(plan: RelationshipPlan, server: ServerPlan, change: Change, past: Sequence[Entry]) -> Explanation:
    from reconciler.kea.meanings import HA_CHAPTER, chapter
    from reconciler.model import Cause
    from reconciler.planning.explained import OF_RELATIONSHIP
    from reconciler.planning.sources import source_of
    from reconciler.reports.text_explained import Explanation

    relationship, peer = plan.relationship, server.peer
    place = source_of(relationship, peer, change)
    since = _since_commit(place) if change.cause is Cause.GIT else ""
    of_ha = change.path[0][0] == OF_RELATIONSHIP
    return Explanation(
        peer.server,
        change,
        place,
        since or _since_replication(plan, server, past),
        tuple(_meanings(change)),
        HA_CHAPTER if of_ha else chapter(relationship.service),
    )


def _since_commit(place: object) -> str:
    """Return since when the line that asks for a change is there, as far as git knows it."""
    from reconciler.desired.blame import blame
    from reconciler.model import Position
    from reconciler.model.moments import moment

    commit = blame(place) if isinstance(place, Position) else None
    if commit is None:
        return ""
    return f"{moment(commit.at)}, commit {commit.digits} by {commit.author}: {commit.subject}"


def _since_replication(plan: RelationshipPlan, server: ServerPlan, past: Sequence[Entry]) -> str:
    """Return between which moments it must have come about: after the last time that all was as it should be."""
    from reconciler.model.moments import moment
    from reconciler.planning.explained import stamp_of

    stamp = stamp_of(plan, server)
    if stamp is None:
        return "not known: no replication has left its mark on the server"
    own = (each for each in past if any(r.server == server.peer.server and r.result == "applied" for r in each.results))
    last = next(own, None)
    revision = f"revision {stamp.revision} of desired"
    if last is None or last.revision != stamp.revision:
        return f"after {revision} was applied; this host's history does not know when"
    return f"after {moment(last.ended_at or last.at)}, when {revision} was applied (history show {last.number})"


def _meanings(change: Change) -> list[tuple[str, str]]:
    """Return what the object and the parameters of a change are for."""
    from reconciler.desired.meanings import meaning
    from reconciler.kea.meanings import kind_meaning, parameter_meaning
    from reconciler.planning.explained import OF_RELATIONSHIP, parameters

    names = parameters(change)
    if change.path[0][0] == OF_RELATIONSHIP:
        return [(name, text) for name in names if (text := meaning(name))]
    kind = change.path[-1][0]
    told = [(kind, kind_meaning(kind)), *((name, parameter_meaning(name)) for name in names)]
    return [(name, text) for name, text in told if text]


def _changed(directory: Path, relationship: str, service: Service) -> tuple[Entry, ...]:
    """Return what is remembered of changes to a relationship on this host, newest first; a history that can't be read
    is none.
    """
    from reconciler.errors import StateError
    from reconciler.model.history import CHANGED
    from reconciler.state.history import entries, open_history

    try:
        store = open_history(directory)
        if store is None:
            return ()
        with contextlib.closing(store):
            return tuple(each for each in entries(store, relationship, service) if each.kind == CHANGED)
    except StateError:
        return ()
