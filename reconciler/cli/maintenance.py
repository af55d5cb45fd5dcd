"""`kea-reconciler maintenance`."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli import completing, options


@click.command(short_help="Take a server out of service, or back into it.")
@click.argument("action", type=click.Choice(["start", "stop"]), metavar="start|stop")
@click.argument("server", shell_complete=completing.servers)
@options.operation
def maintenance(action: str, server: str, **chosen: Any) -> int:
    """Take SERVER out of service for maintenance, or back into it.

    With start its partner gets it to stop and serves all clients alone; SERVER can then be shut down. With stop both
    serve as before.

    Nothing is sent unless both servers answer, are in their normal state, and have heard each other this very moment:
    Kea takes a partner that can't be told of it for dead, and both would serve.
    """
    from reconciler.cli.operating import operate

    return operate(f"maintenance {action}", server, chosen)
