"""`kea-reconciler apply`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.approving import Approvals, approvals_of
from reconciler.cli.carrying import Question, carry_out_plan, need_terminal
from reconciler.cli.remembering import at_work, left_open

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms
    from reconciler.cli.session import Session
    from reconciler.model import Plan
    from reconciler.planning.verdict import ExitCode

QUESTION = Question("Apply this plan?", "apply", "not applied")


@click.command(short_help="Plan, show it, ask, and carry it out.")
@click.argument("plan_file", required=False, metavar="[PLAN_FILE]", type=click.Path(path_type=Path, dir_okay=False))
@options.selection
@options.output_format
@options.yes
@options.detailed_exitcode
@options.approve
@options.verbose
@options.state
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
    state_dir: Path | None,
    lock_timeout: float,
    *,
    yes: bool,
    detailed_exitcode: bool,
    verbose: bool,
) -> int:
    """Plan, show the plan, ask, and carry it out.

    One server of a relationship is changed at a time, the partner before the primary, and only while both are well. A
    server on which a step fails gets back what it had. Ctrl-C finishes the step at hand, leaves the servers after it
    alone, and says where each one stands. What an apply that was killed has left behind is put right first.

    With PLAN_FILE, which `plan --out` wrote, it goes on only if the plan of now does the same as the one in the file;
    otherwise it says what differs, and ends with 4.

    With a --format that leaves no text on stdout, the plan and the question go to stderr. Every other form holds the
    outcome alone.
    """
    from reconciler.cli import plan_files, session
    from reconciler.planning import verdict
    from reconciler.planning.recovery import mends_alone
    from reconciler.reports.report import outdated_report
    from reconciler.running.planned import again, within

    with session.told_errors(forms):
        run = session.open_session(settings, credentials, log_level, desired)
        then = None if plan_file is None else plan_files.read_to_apply(plan_file, run.settings, names)
        whole = session.load_all(desired)
        gone = None if then is None else plan_files.dropped(then, whole)
        found = session.selected(whole, names if then is None else plan_files.selection(then, whole))
        if not yes:
            need_terminal(QUESTION.doing)  # before servers are read, be there something to ask for then or not
        with at_work(run, state_dir, lock_timeout, session.endpoints_of(found), found.revision) as ending:
            made, live = session.make_plan(run, found, left_open(run, state_dir))
            reason = None
            if then is not None:
                reason = gone or plan_files.expired(then, run.settings) or plan_files.outdated(then, made, run)
            if reason and not (rest := mends_alone(made, "the plan file is not carried out")).relationships:
                run.tell(forms, outdated_report(str(plan_file), reason))
                return ending.says(verdict.ExitCode.WORLD_CHANGED)
            if reason:
                is_all = gone is None and not any(e.has_changes or e.unplanned is not None for e in made.relationships)
                code = _put_right(run, rest, forms, (str(plan_file), reason), is_all=is_all, is_asked=not yes)
                return ending.says(verdict.ExitCode.CHANGES if detailed_exitcode and code == 0 else code)
            given = approvals_of(run, made, approved)
            made = session.with_counts(run, made, live)
            question = None if yes else QUESTION
            code = carry_out_plan(
                run,
                made,
                given,
                forms=forms,
                verbose=verbose,
                question=question,
                begins=plan_files.beginning(then, run),
                again=again(within(found, run.settings.thresholds), live, made),
            )
            had_work = any(each.has_changes or each.mends for each in made.relationships)
            return ending.says(verdict.ExitCode.CHANGES if detailed_exitcode and had_work and code == 0 else code)


def _put_right(
    run: Session, rest: Plan, forms: Forms, refused: tuple[str, str], *, is_all: bool, is_asked: bool
) -> ExitCode:
    """Put right what an earlier run left behind, such as one that was cut off while it carried out this very file, and
    nothing else. `rest` is that part of the plan of now; `refused` are the file, and why it isn't carried out.

    Where that is all that is due (`is_all`), all that was reviewed is done: then this ends as any apply does.
    """
    from functools import partial

    from reconciler.planning.verdict import ExitCode
    from reconciler.reports.report import mended_report

    code = carry_out_plan(
        run,
        rest,
        Approvals(()),
        forms=forms,
        verbose=False,
        question=QUESTION if is_asked else None,
        report=partial(mended_report, *refused) if not is_all else None,
    )
    return ExitCode.WORLD_CHANGED if not is_all and code is not ExitCode.INTERRUPTED else code
