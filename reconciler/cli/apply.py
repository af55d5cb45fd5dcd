"""`kea-reconciler apply`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.carrying import ask, carried_out

if TYPE_CHECKING:
    from reconciler.model import Plan, RelationshipOutcome


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
    output_format: str,
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

    With --format json, stdout holds the outcome alone; the plan and the question go to stderr.
    """
    from reconciler.cli import session
    from reconciler.planning import verdict
    from reconciler.reports import json_outcomes, text_outcomes, text_plan
    from reconciler.running.apply import apply as carry_out

    with session.told_errors():
        run = session.open_session(settings, credentials, log_level, desired)
        made, _ = session.make_plan(run, desired, names)
        is_json = output_format == "json"
        colour = session.wants_colour(sys.stderr if is_json else sys.stdout)
        run.echo(text_plan.text_plan(made, approved=approved, colour=colour, verbose=verbose), err=is_json)
        if _has_work(made, approved) and not yes:
            ask("Apply this plan?", "apply", "not applied")
        outcomes, is_interrupted = carried_out(run, lambda hands: carry_out(made, hands, approved))
        if is_json:
            run.echo(json_outcomes.json_outcomes(outcomes))
        elif not _is_told_by_plan(outcomes):
            run.echo("\n" + text_outcomes.text_outcomes(outcomes, colour=colour))
        code = verdict.of_outcomes(outcomes, interrupted=is_interrupted)
        had_changes = any(each.has_changes for each in made.relationships)
        return int(verdict.ExitCode.CHANGES if detailed_exitcode and had_changes and code == 0 else code)


def _has_work(plan: Plan, approved: Sequence[str]) -> bool:
    from reconciler.planning.verdict import unapproved

    return any(each.has_changes and not unapproved(each, approved) for each in plan.relationships)


def _is_told_by_plan(outcomes: Sequence[RelationshipOutcome]) -> bool:
    """Whether there was nothing to do on any server, which the plan has said already."""
    from reconciler.model import Result

    return all(server.result is Result.NOTHING_TO_DO for each in outcomes for server in each.servers)
