"""What commands have to do with the state directory: those that write to servers keep a journal in it, and keep others
away from the same servers meanwhile; those that only look read what earlier runs left open.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    import sqlite3

    from reconciler.cli.session import Session
    from reconciler.model import Endpoint, Leftover, Plan, RelationshipStatus
    from reconciler.planning.plan import LiveWorld

T = TypeVar("T")


@dataclass(slots=True)
class Ending:
    """How the run at hand ends, to be written down."""

    code: int | None = None

    def says(self, code: int) -> int:
        """Take note of the exit code, and return it."""
        self.code = int(code)
        return self.code


@contextlib.contextmanager
def at_work(
    run: Session, chosen: Path | None, seconds: float, endpoints: Iterable[Endpoint], revision: str = "", what: str = ""
) -> Iterator[Ending]:
    """Have these endpoints for this run alone, and a journal of what is sent to them, until the end of the block.
    `what` is what the history has of the run's arguments, where the command's name does not say enough.

    Raises StateError where nothing can be written down, and LockedError where another run has one of the endpoints and
    is not done within `seconds`: in both cases before a server is read.
    """
    from reconciler.cli import session
    from reconciler.state.journal import Journal
    from reconciler.state.retention import forget
    from reconciler.state.runs import Run, open_store

    with contextlib.ExitStack() as stack:
        store = open_store(state_directory(chosen))
        stack.callback(store.close)
        mine = Run(store, f"{click.get_current_context().command_path} {what}".strip(), revision)
        stack.callback(mine.release)
        with session.progress() as say:
            mine.claim({endpoint.control for endpoint in endpoints}, seconds, say)
        forget(store)
        run.journal, run.aside = Journal(store, mine, scrub=run.scrubber.scrub), mine.aside
        ending = Ending()
        try:
            yield ending
        finally:
            run.journal, run.aside = None, contextlib.nullcontext
            mine.end(ending.code)


def left_open(run: Session, chosen: Path | None) -> Sequence[Leftover]:
    """Return what earlier runs left open: for the run at work from its journal, else from the state directory.

    Where a command only looks, a state directory that can't be read is said, and stops nothing.
    """
    from reconciler.state.left import leftovers

    if run.journal is not None:
        return run.journal.left()
    return _remembered(chosen, leftovers, "whether an earlier run was cut off can't be told", ())


def with_daemons_word(
    statuses: Sequence[RelationshipStatus], plan: Plan, live: LiveWorld, chosen: Path | None
) -> Sequence[RelationshipStatus]:
    """Return statuses of a plan with what the state directory knows: suspensions, contested objects, and of which
    relationships the daemon at work there still has the primary, which is back, prove itself. `live` is what the plan
    was made from.

    A state directory that can't be read is said, and stops nothing.
    """
    from dataclasses import replace
    from datetime import UTC, datetime

    from reconciler.model import EventKind
    from reconciler.planning.status import until_proved
    from reconciler.state.daemon import daemon
    from reconciler.state.events import open_findings
    from reconciler.state.runs import Store
    from reconciler.state.suspensions import suspensions
    from reconciler.watching.fights import contested_of
    from reconciler.watching.findings import is_of_a_partner

    now = datetime.now(UTC)

    def told_of(database: sqlite3.Connection, directory: Path) -> Sequence[RelationshipStatus]:
        held = suspensions(database, directory, now)
        found = {each.relationship.name: contested_of(each, database, directory, now) for each in plan.relationships}
        words = {name: tuple(each.words for each in disputes) for name, disputes in found.items()}
        told = [replace(each, suspension=held.get(each.name), contested=words[each.name]) for each in statuses]
        lasting = {
            each.relationship
            for each in open_findings(Store(directory, database)).values()
            if each.kind is EventKind.UNSTEADY or is_of_a_partner(each)
        }
        if not lasting or daemon(directory) is None:
            return told
        plans = {each.relationship.name: each for each in plan.relationships}
        return [until_proved(each, plans[each.name], live) if each.name in lasting else each for each in told]

    return _remembered(chosen, told_of, "what the daemon waits for or leaves alone can't be told", statuses)


def _remembered(chosen: Path | None, look: Callable[[sqlite3.Connection, Path], T], without: str, nothing: T) -> T:
    """Return what a look into the state directory finds, `nothing` where there is none, or `without` it is told."""
    from reconciler.errors import StateError
    from reconciler.state.database import open_to_read, told

    directory = state_directory(chosen)
    try:
        database = open_to_read(directory)
        if database is None:
            return nothing
        with told(directory), contextlib.closing(database):
            return look(database, directory)
    except StateError as error:
        logging.getLogger("reconciler").warning("%s: %s", without, error)
        return nothing


def remember_shown(run: Session, plan: Plan, chosen: Path | None) -> None:
    """Keep a plan in the history, for each relationship of it that this run did not begin to carry out.

    Where it can't be kept, that is said, and stops nothing.
    """
    from datetime import UTC, datetime

    from reconciler.errors import StateError
    from reconciler.reports.text_shown import shown
    from reconciler.state.runs import open_store, user
    from reconciler.state.shown import keep_shown

    found = shown(plan, click.get_current_context().command_path, user(), datetime.now(UTC), run.scrubber.scrub)
    if not found:
        return
    try:
        if run.journal is not None:
            run.journal.shows(found)
            return
        with contextlib.closing(open_store(state_directory(chosen))) as store:
            for each in found:
                keep_shown(store, each)
    except StateError as error:
        logging.getLogger("reconciler").warning("the plan can't be remembered: %s", error)


def state_directory(chosen: Path | None) -> Path:
    """Return the state directory: the one that was chosen, else the default one."""
    from reconciler.state.directory import default_directory

    return chosen or default_directory(os.environ)
