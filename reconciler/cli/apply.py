"""`kea-reconciler apply`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.carrying import Question, carry_out_plan

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms

QUESTION = Question("Apply this plan?", "apply", "not applied")


@click.command(short_help="Plan, show it, ask, and carry it out.")
@options.selection
@options.output_format
@options.yes
@options.detailed_exitcode
@options.approve
@options.verbose
@options.access
def apply(
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

    With a --format that leaves no text on stdout, the plan and the question go to stderr. Every other form holds the
    outcome alone.
    """
    from reconciler.cli import session
    from reconciler.planning import verdict

    with session.told_errors(forms):
        run = session.open_session(settings, credentials, log_level, desired)
        made, _ = session.make_plan(run, desired, names)
        question = None if yes else QUESTION
        code = carry_out_plan(run, made, approved, forms=forms, verbose=verbose, question=question)
        had_changes = any(each.has_changes for each in made.relationships)
        return int(verdict.ExitCode.CHANGES if detailed_exitcode and had_changes and code == 0 else code)
