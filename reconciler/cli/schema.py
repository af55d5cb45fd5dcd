"""`kea-reconciler schema`."""

from __future__ import annotations

import click

NAMES = ("relationship", "servers", "status", "plan-report", "outcome-report")


@click.command(short_help="Print a JSON Schema.")
@click.argument("name", type=click.Choice(NAMES), default="relationship")
def schema(name: str) -> None:
    """Print one of the JSON Schemas that this version goes by (default: relationship)."""
    from reconciler.desired.schema import schema_path

    click.echo(schema_path(name).read_text(encoding="utf-8"), nl=False)
