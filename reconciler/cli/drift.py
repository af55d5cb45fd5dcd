"""`kea-reconciler drift`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from reconciler.cli import options


@click.command(short_help="Say where servers differ although the files did not change.")
@options.selection
@options.output_format
@options.detailed_exitcode
@options.verbose
@options.access
def drift(
    desired: Path,
    names: Sequence[str],
    output_format: str,
    settings: Path | None,
    credentials: Path | None,
    log_level: str,
    *,
    detailed_exitcode: bool,
    verbose: bool,
) -> int:
    """Say where servers differ although nobody changed the files below --desired. Changes nothing.

    The same computation as `plan`, without what a change of those files asks for. It names the server that was
    changed where that can be told.
    """
    from reconciler.cli import session
    from reconciler.planning import verdict
    from reconciler.planning.drift import only_drift
    from reconciler.reports import json_plan, text_plan

    with session.told_errors():
        run = session.open_session(settings, credentials, log_level, desired)
        made, _ = session.make_plan(run, desired, names)
        found = only_drift(made)
        if output_format == "json":
            run.echo(json_plan.json_plan(found))
        else:
            run.echo(text_plan.text_drift(found, colour=session.wants_colour(sys.stdout), verbose=verbose))
        return int(verdict.of_plan(found, (), detailed=detailed_exitcode))
