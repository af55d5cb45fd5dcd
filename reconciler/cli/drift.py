"""`kea-reconciler drift`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms


@click.command(short_help="Say where servers differ although the files did not change.")
@options.selection
@options.output_format
@options.detailed_exitcode
@options.verbose
@options.access
def drift(
    desired: Path,
    names: Sequence[str],
    forms: Forms,
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
    from reconciler.reports.report import drift_report

    with session.told_errors(forms):
        run = session.open_session(settings, credentials, log_level, desired)
        # What runs left open is none that servers moved.
        made, _ = session.make_plan(run, session.load_desired(desired, names))
        found = only_drift(made)
        run.tell(forms, drift_report(found, verbose=verbose))
        return int(verdict.of_plan(found, (), detailed=detailed_exitcode))
