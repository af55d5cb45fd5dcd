"""`kea-reconciler sync`."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli import completing, options


@click.command(short_help="Have a server fetch its partner's leases.")
@click.argument("server", shell_complete=completing.servers)
@click.option(
    "--from",
    "source",
    metavar="SERVER",
    help="The server whose leases are fetched. Default: the partner, and for a backup the primary.",
)
@options.operation
def sync(server: str, source: str | None, **chosen: Any) -> int:
    """Have SERVER fetch the leases of its partner that it does not have, or has older ones of. None are deleted.

    The partner answers no client until SERVER has them; how long that takes is said before you are asked.
    """
    from reconciler.cli.operating import operate

    return operate("sync", server, chosen, source)
