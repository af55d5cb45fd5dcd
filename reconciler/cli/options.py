"""The options that commands share, so that they are written and explained once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def _known_codes(_context: click.Context, _option: click.Parameter, codes: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a code that no objection has: a misspelt approval would silently approve nothing."""
    if codes:
        from reconciler.planning.guard import CODES

        unknown = [code for code in codes if code not in CODES]
        if unknown:
            raise click.BadParameter(f"no objection has the code {', '.join(unknown)}; there are {', '.join(CODES)}")
    return codes


desired = click.option(
    "--desired",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("desired"),
    show_default=True,
    envvar="KEA_RECONCILER_DESIRED",
    show_envvar=True,
    help="Directory with servers.yaml and relationships/.",
)
relationship = click.option(
    "--relationship",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this relationship; may be given more than once.",
)
output_format = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How the result on stdout looks.",
)
detailed_exitcode = click.option(
    "--detailed-exitcode", is_flag=True, help="End with 2 instead of 0 when there are changes."
)
verbose = click.option("--verbose", "-v", is_flag=True, help="Also show what is local to each server, and why.")
approve = click.option(
    "--approve",
    "approved",
    multiple=True,
    metavar="CODE",
    callback=_known_codes,
    help="Wave one safety objection through for this run, by its code; may be given more than once.",
)
log_level = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
    help="What is logged to stderr.",
)
settings = click.option(
    "--settings",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="KEA_RECONCILER_SETTINGS",
    show_envvar=True,
    help="The operator's settings; without it ./kea-reconciler.toml where that exists.",
)
credentials = click.option(
    "--credentials",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="KEA_RECONCILER_CREDENTIALS",
    show_envvar=True,
    help="File with users, passwords and TLS files by origin; nobody else may be able to read it.",
)


def access(command: Command) -> Command:
    """Add the options of every command that talks to servers."""
    for option in (log_level, credentials, settings):
        command = option(command)
    return command


def selection(command: Command) -> Command:
    """Add the options of every command that works on desired relationships."""
    for option in (relationship, desired):
        command = option(command)
    return command
