"""`kea-reconciler promote`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import completing, options
from reconciler.cli.approving import approvals_of
from reconciler.cli.carrying import Question, carry_out_plan
from reconciler.cli.remembering import at_work, left_open

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.cli.forms import Forms

QUESTION = Question("Apply this plan?", "promote", "not promoted")


@click.command(short_help="Take what a primary's partner has over to the primary.")
@click.argument("relationship", shell_complete=completing.relationships)
@options.desired
@options.output_format
@options.yes
@options.approve
@options.verbose
@options.state
@options.access
def promote(
    relationship: str,
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
    verbose: bool,
) -> int:
    """Take the DHCP data of the secondary or standby over to the primary of RELATIONSHIP, and to its backups.

    For the day on which the primary is back with less than its partner has: what was changed on the partner while the
    primary was away, or what the primary lost. It is a plan like any other, shown and asked for; the partner is the
    truth in this one alone, the primary is again after it. What the primary has is overwritten, and kept in the state
    directory.
    """
    from reconciler.cli import session
    from reconciler.planning import verdict

    with session.told_errors(forms):
        run = session.open_session(settings, credentials, log_level, desired)
        found = session.load_desired(desired, [relationship])
        with at_work(run, state_dir, lock_timeout, session.endpoints_of(found), found.revision) as ending:
            made, live = session.make_plan(run, found, left_open(run, state_dir), promoted=relationship)
            given = approvals_of(run, made, approved)
            made = session.with_counts(run, made, live)
            question = None if yes else QUESTION
            code = carry_out_plan(run, made, given, forms=forms, verbose=verbose, question=question)
            return ending.says(verdict.ExitCode(code))
