"""`kea-reconciler status`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.remembering import left_open, with_daemons_word

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms


@click.command(short_help="Say how every relationship is doing.")
@options.selection
@options.output_format
@options.state_dir
@options.access
def status(
    desired: Path,
    names: Sequence[str],
    forms: Forms,
    settings: Path | None,
    credentials: Path | None,
    log_level: str,
    state_dir: Path | None,
) -> int:
    """Say how every relationship is doing: OK, Impaired or Service down, and why. Changes nothing.

    \b
    OK            both servers are in their normal state and hear each other
    Impaired      clients are served, but something is wrong; it says what
    Service down  no server that can be reached answers clients

    Ends with 0 when every relationship is OK, else with 1.
    """  # noqa: D301 - click reads the backspace
    from reconciler.cli import session
    from reconciler.planning import verdict
    from reconciler.planning.status import statuses
    from reconciler.reports.report import status_report

    with session.told_errors(forms):
        run = session.open_session(settings, credentials, log_level, desired)
        made, live = session.make_plan(run, session.load_desired(desired, names), left_open(run, state_dir))
        found = with_daemons_word(statuses(made, live), made, live, state_dir)
        run.tell(forms, status_report(found, made))
        return int(verdict.of_status(found))
