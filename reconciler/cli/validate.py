"""`kea-reconciler validate`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import options


@click.command(short_help="Check the files below --desired.")
@options.desired
@options.output_format
def validate(desired: Path, output_format: str) -> int:
    """Check the files below --desired and report every problem at once. Talks to no server."""
    from reconciler.cli.session import told_errors
    from reconciler.desired.load import load
    from reconciler.errors import FixInputError
    from reconciler.reports.text_problems import json_problems, text_problems

    found = None
    with told_errors():
        try:
            found = load(desired)
            problems = found.warnings
        except FixInputError as error:
            problems = error.problems
    if output_format == "json":
        click.echo(json_problems(problems))
        return 0 if found else 1
    if problems:
        click.echo(text_problems(problems))
    if found:
        servers = len({server for server, _ in found.endpoints})
        count = len(found.relationships)
        words = f"{servers} server{'' if servers == 1 else 's'}, {count} relationship{'' if count == 1 else 's'}"
        click.echo(f"{desired} is valid: {words}.")
    return 0 if found else 1
