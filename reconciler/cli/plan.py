"""`kea-reconciler plan`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.approving import Approvals, approvals_of
from reconciler.cli.remembering import left_open, remember_shown

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms
    from reconciler.cli.session import Session
    from reconciler.model import Leftover, Plan


@click.command(short_help="Say what apply would change, and why.")
@options.selection
@options.output_format
@options.plan_out
@options.detailed_exitcode
@options.approve
@options.verbose
@options.state_dir
@options.access
def plan(
    desired: Path,
    names: Sequence[str],
    forms: Forms,
    approved: Sequence[str],
    settings: Path | None,
    credentials: Path | None,
    log_level: str,
    out: Path | None,
    state_dir: Path | None,
    *,
    detailed_exitcode: bool,
    verbose: bool,
) -> int:
    """Say what `apply` would change on which server, and why. Changes nothing.

    All servers are read at the same time; one that can't be read is reported, and its relationship waits. In the
    result + is added, ~ changed and - deleted.
    """
    from reconciler.cli import plan_files, session
    from reconciler.planning import verdict
    from reconciler.reports.report import plan_report

    with session.told_errors(forms), plan_files.failure_kept(out, names):
        run = session.open_session(settings, credentials, log_level, desired)
        made, given = _plan(run, desired, names, approved, out, left_open(run, state_dir))
        remember_shown(run, made, state_dir)
        run.tell(forms, plan_report(made, given.codes, verbose=verbose, fingerprint=given.fingerprint))
        if out:
            run.echo(f"wrote {out}, for `kea-reconciler apply {shlex.quote(str(out))}`", err=True)
        return int(verdict.of_plan(made, given.codes, detailed=detailed_exitcode))


def _plan(
    run: Session,
    desired: Path,
    names: Sequence[str],
    approved: Sequence[str],
    out: Path | None,
    left: Sequence[Leftover],
) -> tuple[Plan, Approvals]:
    """Make the plan, and write it to a file where that is asked for."""
    from reconciler.cli import plan_files, session

    made = plan_files.made_now(run.settings, names) if out else None
    found = session.load_desired(desired, names)
    session.tell_unmatched(run, found)
    read, live = session.make_plan(run, found, left)
    plan = session.with_counts(run, read, live)
    given = approvals_of(run, plan, approved)
    if out and made:
        plan_files.write(out, plan_files.value_of(plan, made, run, given.codes))
    return plan, given
