"""`kea-reconciler plan`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from reconciler.cli import options


@click.command(short_help="Say what apply would change, and why.")
@options.selection
@options.output_format
@options.detailed_exitcode
@options.approve
@options.verbose
@options.access
def plan(
    desired: Path,
    names: Sequence[str],
    output_format: str,
    approved: Sequence[str],
    settings: Path | None,
    credentials: Path | None,
    log_level: str,
    *,
    detailed_exitcode: bool,
    verbose: bool,
) -> int:
    """Say what `apply` would change on which server, and why. Changes nothing.

    All servers are read at the same time; one that can't be read is reported, and its relationship waits. In the
    result + is added, ~ changed and - deleted.
    """
    from reconciler.cli import session
    from reconciler.planning import verdict
    from reconciler.reports import json_plan, text_plan

    with session.told_errors():
        run = session.open_session(settings, credentials, log_level, desired)
        made, _ = session.make_plan(run, desired, names)
        if output_format == "json":
            run.echo(json_plan.json_plan(made, approved=approved))
        else:
            colour = session.wants_colour(sys.stdout)
            run.echo(text_plan.text_plan(made, approved=approved, colour=colour, verbose=verbose))
        return int(verdict.of_plan(made, approved, detailed=detailed_exitcode))
