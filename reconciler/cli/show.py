"""`kea-reconciler show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms


@click.command(short_help="Show a plan file.")
@click.argument("plan_file", metavar="PLAN_FILE", type=click.Path(path_type=Path, dir_okay=False))
@options.output_format
@options.verbose
def show(plan_file: Path, forms: Forms, *, verbose: bool) -> int:
    """Show what is in a file that `plan --out` wrote, in any form. Talks to no server.

    Ends as the run of `plan` did that wrote it: with 1 when planning failed, with 3 when an objection blocks it.
    """
    from reconciler.cli.forms import tell
    from reconciler.cli.session import told_errors
    from reconciler.planning import verdict
    from reconciler.redaction import Scrubber
    from reconciler.reports.report import failed_plan_report, saved_plan_report
    from reconciler.saved.read import read_document
    from reconciler.saved.values import approved_in, plan_of, problems_of

    with told_errors(forms):
        found = read_document(plan_file)
        if found["fingerprint"] is None:
            tell(forms, failed_plan_report(problems_of(found), found), Scrubber())
            return int(verdict.ExitCode.ERROR)
        plan, approved = plan_of(found), approved_in(found)
        tell(forms, saved_plan_report(plan, found, approved, verbose=verbose), Scrubber())
        return int(verdict.of_plan(plan, approved))
