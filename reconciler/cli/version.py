"""`kea-reconciler version`."""

from __future__ import annotations

import click

from reconciler import __version__


@click.command(short_help="Say which version this is.")
def version() -> None:
    """Say which version this is, and which series of Kea it is tested with."""
    import platform

    from reconciler.kea.versions import TESTED_SERIES

    series = ", ".join(f"{major}.{minor}" for major, minor in sorted(TESTED_SERIES))
    click.echo(f"kea-reconciler {__version__} (Python {platform.python_version()}, tested with Kea {series})")
