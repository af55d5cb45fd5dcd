"""`kea-reconciler continue`."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli import completing, options


@click.command("continue", short_help="Let a server that pauses on purpose go on.")
@click.argument("server", shell_complete=completing.servers)
@options.operation
def continue_(server: str, **chosen: Any) -> int:
    """Let the HA state machine of SERVER go on, where the relationship's state-machine parameter made it pause.

    Refused where SERVER doesn't hear a partner that serves: going on, it would serve beside that partner.
    """
    from reconciler.cli.operating import operate

    return operate("continue", server, chosen)
