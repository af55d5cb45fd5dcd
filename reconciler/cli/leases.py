"""`kea-reconciler leases`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import completing, options

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms


@click.command(short_help="Compare the leases of a relationship's servers.")
@click.argument("action", type=click.Choice(["compare"]), metavar="compare")
@click.argument("name", metavar="RELATIONSHIP", shell_complete=completing.relationships)
@options.desired
@options.output_format
@options.detailed_exitcode
@options.access
def leases(
    action: str,  # noqa: ARG001 - there is one only
    name: str,
    desired: Path,
    forms: Forms,
    settings: Path | None,
    credentials: Path | None,
    log_level: str,
    *,
    detailed_exitcode: bool,
) -> int:
    """Compare the leases of all servers of RELATIONSHIP, and say what differs. Changes nothing.

    What differs is looked at again a moment later, so that a lease that is on its way to the other server is not
    reported. Leases that have run out are not compared: each server removes them by itself. One address that is leased
    to two clients comes first.
    """
    from reconciler.cli import session
    from reconciler.planning import verdict
    from reconciler.planning.scenes import scene
    from reconciler.reports.json_leases import json_leases
    from reconciler.reports.report import other_report
    from reconciler.reports.text_leases import text_leases
    from reconciler.running.leases import compare_leases

    with session.told_errors(forms):
        run = session.open_session(settings, credentials, log_level, desired)
        wanted = session.load_desired(desired, [name])
        (relationship,) = wanted.relationships
        with session.progress() as say:
            live = run.observe(session.endpoints_of(wanted), say)
            found = scene(relationship, relationship.primary.server, live).live
            compared = session.run(compare_leases(relationship, found, run.hands(say)))
        is_well = compared.is_complete and not compared.differences
        text, json = lambda colour: text_leases(compared, colour=colour), partial(json_leases, compared)
        run.tell(forms, other_report("leases", text, json, is_well=is_well))
        return int(verdict.of_leases(compared, detailed=detailed_exitcode))
