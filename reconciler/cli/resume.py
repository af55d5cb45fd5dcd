"""`kea-reconciler resume`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import completing, options
from reconciler.cli.nudging import concerning


@click.command(short_help="Let the daemon change a suspended relationship again.")
@click.argument("relationship", shell_complete=completing.relationships)
@options.desired
@options.state_dir
def resume(relationship: str, desired: Path, state_dir: Path | None) -> int:
    """Take the suspension of RELATIONSHIP back, before its time is over."""
    from reconciler.cli import session
    from reconciler.state.runs import user
    from reconciler.state.suspensions import resume as take_back

    with session.told_errors(), concerning(relationship, desired, state_dir) as concern:
        was_suspended = take_back(concern.store, relationship)
        if was_suspended:
            concern.tell(f"{relationship} is resumed by {user()}")
        click.echo(f"{relationship} is resumed" if was_suspended else f"{relationship} was not suspended")
    return 0
