"""`kea-reconciler rollback`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import completing, options
from reconciler.cli.approving import approvals_of
from reconciler.cli.carrying import Question, carry_out_plan
from reconciler.cli.remembering import at_work, left_open, state_directory

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms
    from reconciler.model import Earlier, Past, Relationship

QUESTION = Question("Roll back?", "roll back", "not rolled back")


@click.command(short_help="Bring back the data that a relationship had before a change.")
@click.argument("name", metavar="RELATIONSHIP", shell_complete=completing.relationships)
@click.option(
    "--to",
    "number",
    type=click.IntRange(min=1),
    required=True,
    metavar="ID",
    help="The entry of `history` before which the data were that are wanted.",
)
@click.option(
    "--server",
    metavar="NAME",
    help="Whose data of then, where the change overwrote those of several servers, and they differed.",
)
@options.desired
@options.output_format
@options.yes
@options.detailed_exitcode
@options.approve
@options.verbose
@options.state
@options.access
def rollback(
    name: str,
    number: int,
    server: str | None,
    desired: Path,
    forms: Forms,
    approved: Sequence[str],
    settings: Path | None,
    credentials: Path | None,
    log_level: str,
    state_dir: Path | None,
    lock_timeout: float,
    *,
    yes: bool,
    detailed_exitcode: bool,
    verbose: bool,
) -> int:
    """Bring back the DHCP data that RELATIONSHIP had before the entry of the history with this ID.

    It is a plan like any other: shown, asked about, and carried out one server at a time; the primary gets the data
    first, then they follow to the others. The relationship itself, and what is local to a server, stay as they are
    now. What the rollback overwrites is kept in its turn.
    """
    from dataclasses import replace

    from reconciler.cli import session
    from reconciler.planning import verdict

    with session.told_errors(forms):
        run = session.open_session(settings, credentials, log_level, desired)
        found = session.load_desired(desired, [name])
        (relationship,) = found.relationships
        earlier = _kept(relationship, number, server, state_dir)
        run.learn_from(earlier.config)
        found = replace(found, relationships=(replace(relationship, earlier=earlier),))
        with at_work(run, state_dir, lock_timeout, session.endpoints_of(found), found.revision) as ending:
            made, live = session.make_plan(run, found, left_open(run, state_dir))
            given = approvals_of(run, made, approved)
            made = session.with_counts(run, made, live)
            question = None if yes else QUESTION
            code = carry_out_plan(run, made, given, forms=forms, verbose=verbose, question=question)
            had_work = any(each.has_changes for each in made.relationships)
            return ending.says(verdict.ExitCode.CHANGES if detailed_exitcode and had_work and code == 0 else code)


def _kept(relationship: Relationship, number: int, server: str | None, state_dir: Path | None) -> Earlier:
    """Return the data that are meant. Raises UsageError where there are none, or it is not certain which."""
    from reconciler.errors import UsageError
    from reconciler.model import Earlier
    from reconciler.planning.returning import chosen, version_of

    past = _read(number, state_dir)
    is_same = past is not None and past.entry.relationship == relationship.name
    if past is None or not is_same or past.entry.service is not relationship.service:
        what = "nothing is remembered with the id" if past is None else f"not about {relationship.name} is the entry"
        raise UsageError(f"{what} {number}; `kea-reconciler history {relationship.name}` lists what is")
    picked = chosen(past, server)
    if isinstance(picked, str):
        raise UsageError(picked)
    version = version_of(picked, relationship.name)
    if version is None or picked.before is None:
        raise UsageError(f"{number} can't be rolled back to: which Kea {picked.server} ran then was not written down")
    return Earlier(number, picked.server, version, picked.before)


def _read(number: int, state_dir: Path | None) -> Past | None:
    from reconciler.state.history import open_history, past

    store = open_history(state_directory(state_dir))
    if store is None:
        return None
    try:
        return past(store, number)
    finally:
        store.close()
