"""`kea-reconciler reconcile-now`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.remembering import state_directory


@click.command("reconcile-now", short_help="Have the daemon look at everything now.")
@options.state_dir
def reconcile_now(state_dir: Path | None) -> int:
    """Have the `watch` that works with this state directory look at the files and at all servers now.

    Servers that failed lately are asked at once, too. It is the same as sending SIGHUP to the daemon.
    """
    from reconciler.cli import session
    from reconciler.state.daemon import nudge

    with session.told_errors():
        directory = state_directory(state_dir)
        pid = nudge(directory)
        if pid is None:
            raise session.Failure(f"no `kea-reconciler watch` works with {directory}; name its own with --state-dir")
        click.echo(f"told the daemon (pid {pid})")
    return 0
