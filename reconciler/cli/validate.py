"""`kea-reconciler validate`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import options


@click.command()
@options.desired
@options.output_format
def validate(desired: Path, output_format: str) -> int:
    """Check the files below --desired and report every problem at once. Talks to no server."""
    from reconciler.desired.load import load
    from reconciler.errors import FixInputError
    from reconciler.reports.text_problems import json_problems, text_problems

    try:
        found = load(desired)
        problems, is_valid = found.warnings, True
    except FixInputError as error:
        problems, is_valid = error.problems, False
    if output_format == "json":
        click.echo(json_problems(problems))
        return 0 if is_valid else 1
    if problems:
        click.echo(text_problems(problems))
    if is_valid:
        servers = len({server for server, _ in found.endpoints})
        count = len(found.relationships)
        words = f"{servers} server{'' if servers == 1 else 's'}, {count} relationship{'' if count == 1 else 's'}"
        click.echo(f"{desired} is valid: {words}.")
    return 0 if is_valid else 1
