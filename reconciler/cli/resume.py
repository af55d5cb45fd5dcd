"""`kea-reconciler resume`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import completing, options
from reconciler.cli.nudging import store_for


@click.command(short_help="Let the daemon change a suspended relationship again.")
@click.argument("relationship", shell_complete=completing.relationships)
@options.desired
@options.state_dir
def resume(relationship: str, desired: Path, state_dir: Path | None) -> int:
    """Take the suspension of RELATIONSHIP back, before its time is over."""
    from reconciler.cli import session
    from reconciler.state.daemon import nudge
    from reconciler.state.suspensions import resume as take_back

    with session.told_errors(), store_for(relationship, desired, state_dir) as (store, _):
        was_suspended = take_back(store, relationship)
        nudge(store.directory)
        click.echo(f"{relationship} is resumed" if was_suspended else f"{relationship} was not suspended")
    return 0
