"""`kea-reconciler validate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model import Desired, Problem


@click.command(short_help="Check the files below --desired.")
@options.desired
@options.output_format
def validate(desired: Path, output_format: str) -> int:
    """Check the files below --desired, and say everything that is wrong at once, with file, line and column.

    Talks to no server. Ends with 0 when the files can be used, warnings or not, else with 1.
    """
    from reconciler.cli.session import told_errors, wants_colour
    from reconciler.reports.text_problems import json_problems, text_problems

    with told_errors():
        found, problems = _read(desired)
        if output_format == "json":
            click.echo(json_problems(problems))
            return 0 if found else 1
        if problems:
            click.echo(text_problems(problems, colour=wants_colour(sys.stdout)))
        if found:
            click.echo(f"{desired} is valid: {_size(found)}.")
        return 0 if found else 1


def _read(directory: Path) -> tuple[Desired | None, Sequence[Problem]]:
    """Return what the files say, None where they can't be used, and all that is wrong with them."""
    from reconciler.desired.load import load
    from reconciler.errors import FixInputError

    try:
        found = load(directory)
    except FixInputError as error:
        return None, error.problems
    return found, found.warnings


def _size(found: Desired) -> str:
    from reconciler.reports.numbers import count

    servers = len({server for server, _ in found.endpoints})
    return f"{count(servers, 'server')}, {count(len(found.relationships), 'relationship')}"
