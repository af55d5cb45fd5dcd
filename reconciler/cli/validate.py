"""`kea-reconciler validate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.cli.forms import Forms
    from reconciler.model import Desired, Problem


@click.command(short_help="Check the files below --desired.")
@options.desired
@options.output_format
def validate(desired: Path, forms: Forms) -> int:
    """Check the files below --desired, and say everything that is wrong at once, with file, line and column.

    Talks to no server. Ends with 0 when the files can be used, warnings or not, else with 1.
    """
    from reconciler.cli.forms import tell
    from reconciler.cli.session import told_errors
    from reconciler.redaction import Scrubber
    from reconciler.reports.report import problem_report

    with told_errors():
        found, problems = _read(desired)
        valid = f"{desired} is valid: {_size(found)}." if found else ""
        tell(forms, problem_report(problems, valid=valid), Scrubber())
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
