"""`kea-reconciler apply`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.approving import approvals_of
from reconciler.cli.carrying import Question, carry_out_plan

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms
    from reconciler.cli.session import Session
    from reconciler.model import Plan

QUESTION = Question("Apply this plan?", "apply", "not applied")


@click.command(short_help="Plan, show it, ask, and carry it out.")
@click.argument("plan_file", required=False, metavar="[PLAN_FILE]", type=click.Path(path_type=Path, dir_okay=False))
@options.selection
@options.output_format
@options.yes
@options.detailed_exitcode
@options.approve
@options.verbose
@options.access
def apply(
    plan_file: Path | None,
    desired: Path,
    names: Sequence[str],
    forms: Forms,
    approved: Sequence[str],
    settings: Path | None,
    credentials: Path | None,
    log_level: str,
    *,
    yes: bool,
    detailed_exitcode: bool,
    verbose: bool,
) -> int:
    """Plan, show the plan, ask, and carry it out.

    One server of a relationship is changed at a time, the partner before the primary, and only while both are well. A
    server on which a step fails gets back what it had. Ctrl-C finishes the step at hand, leaves the servers after it
    alone, and says where each one stands.

    With PLAN_FILE, which `plan --out` wrote, it goes on only if the plan of now does the same as the one in the file;
    otherwise it says what differs, and ends with 4.

    With a --format that leaves no text on stdout, the plan and the question go to stderr. Every other form holds the
    outcome alone.
    """
    from reconciler.cli import session
    from reconciler.planning import verdict

    with session.told_errors(forms):
        run = session.open_session(settings, credentials, log_level, desired)
        made = _planned(run, desired, names, plan_file, forms)
        if made is None:
            return int(verdict.ExitCode.WORLD_CHANGED)
        question = None if yes else QUESTION
        given = approvals_of(run, made, approved)
        code = carry_out_plan(run, made, given, forms=forms, verbose=verbose, question=question)
        had_changes = any(each.has_changes for each in made.relationships)
        return int(verdict.ExitCode.CHANGES if detailed_exitcode and had_changes and code == 0 else code)


def _planned(run: Session, desired: Path, names: Sequence[str], file: Path | None, forms: Forms) -> Plan | None:
    """Return the plan of now; None where it isn't the one in the file any more, which is then said."""
    from reconciler.cli import plan_files, session
    from reconciler.reports.report import outdated_report

    if file is None:
        return session.make_plan(run, desired, names)[0]
    then = plan_files.read_to_apply(file, run.settings, names)
    reason = plan_files.expired(then, run.settings)
    if reason is None:
        made, _ = session.make_plan(run, desired, then["selection"] or ())
        lines = plan_files.difference(then, made, run.settings)
        if not lines:
            return made
        reason = "\n".join(["the plan of now is another one than the plan in the file:", *lines])
    run.tell(forms, outdated_report(str(file), reason))
    return None
