"""`kea-reconciler reset`."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli import completing, options


@click.command(short_help="Have a server's HA state machine begin anew.")
@click.argument("server", shell_complete=completing.servers)
@options.operation
def reset(server: str, **chosen: Any) -> int:
    """Have the HA state machine of SERVER begin anew, and wait until both servers are normal.

    This is the way out of the state terminated, once its cause (clocks apart, rejected lease updates) is mended. Where
    the partner is terminated too, it is reset as well, since neither leaves that state alone. A server that serves is
    answered for by its partner meanwhile; where that one can't, it is refused.
    """
    from reconciler.cli.operating import operate

    return operate("reset", server, chosen)
