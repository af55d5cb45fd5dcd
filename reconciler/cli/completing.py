"""What a shell offers: where a relationship or a server is to be named, what the files below --desired have; where an
objection is, the codes that there are.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

DESIRED = Path("desired")
"""The folder where neither --desired nor its variable names one."""
VARIABLE = "KEA_RECONCILER_DESIRED"


def relationships(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of relationships that begin so; what is wrong with the files is not said here."""
    from reconciler.desired.load import load_described

    names = {each.name for each in load_described(_folder(context))}
    return sorted(name for name in names if name.startswith(incomplete))


def servers(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of servers that begin so."""
    from reconciler.desired.load import load_listed

    names = {server for server, _ in load_listed(_folder(context))}
    return sorted(name for name in names if name.startswith(incomplete))


def codes(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the codes of objections that begin so."""
    from reconciler.planning.guard import CODES

    return sorted(code for code in CODES if code.startswith(incomplete))


def _folder(context: click.Context) -> Path:
    """Return the folder that the line so far names, or the variable; `history` has the variable alone."""
    return Path(context.params.get("desired") or os.environ.get(VARIABLE) or DESIRED)
