"""The options that commands share, so that they are written and explained once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from reconciler.cli import completing
from reconciler.cli.forms import FormType, together

_FINGERPRINT = re.compile(r"[0-9a-f]{32}")
Command = TypeVar("Command", bound=Callable[..., Any])


def _known_codes(_context: click.Context, _option: click.Parameter, codes: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a code that no objection has: a misspelt approval would silently approve nothing."""
    if codes:
        from reconciler.planning.guard import CODES

        pairs = [code.partition("@") for code in codes]
        unknown = [code for code, _, _ in pairs if code not in CODES]
        if unknown:
            raise click.BadParameter(f"no objection has the code {', '.join(unknown)}; there are {', '.join(CODES)}")
        wrong = [mark for _, at, mark in pairs if at and not _FINGERPRINT.fullmatch(mark)]
        if wrong:
            raise click.BadParameter(f"{wrong[0]!r} is no fingerprint of a plan: those have 32 digits 0-9 and a-f")
    return codes


desired = click.option(
    "--desired",
    type=click.Path(path_type=Path, file_okay=False),
    default=completing.DESIRED,
    show_default=True,
    envvar=completing.VARIABLE,
    show_envvar=True,
    help="Folder with servers.yaml and relationships/.",
)
relationship = click.option(
    "--relationship",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=completing.relationships,
    help="Only the relationship of this name; may be given more than once.",
)
output_format = click.option(
    "--format",
    "forms",
    type=FormType(),
    multiple=True,
    metavar="FORM[=FILE]",
    callback=together,
    help="Form of the result: text (the default), json, markdown, or github (annotations, and the job's summary), and "
    "the file that it goes to, else stdout; may be given more than once.",
)
detailed_exitcode = click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="End with 2 instead of 0 when there are changes, drift, or leases that differ.",
)
plan_out = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the plan to this file, for `apply FILE` and `show FILE`; it holds no secret.",
)
yes = click.option("--yes", "-y", is_flag=True, help="Don't ask before changing anything. Needed without a terminal.")
service = click.option(
    "--service",
    type=click.Choice(["dhcp4", "dhcp6"]),
    help="The DHCP service; tells relationships of the same server apart.",
)
verbose = click.option("--verbose", "-v", is_flag=True, help="Also show what stays on each server, and why.")
approve = click.option(
    "--approve",
    "approved",
    multiple=True,
    metavar="CODE[@FINGERPRINT]",
    shell_complete=completing.codes,
    callback=_known_codes,
    help="Go on in spite of the safety objection with this code, in this run alone, or with FINGERPRINT only in that "
    "plan. May be given more than once.",
)


def _log_level(default: str) -> Callable[[Command], Command]:
    return click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default=default,
        show_default=True,
        metavar="LEVEL",
        help="What is logged on stderr: debug (every command that is sent, never its content), info, warning or error.",
    )


log_level = _log_level("warning")
daemon_log_level = _log_level("info")
settings = click.option(
    "--settings",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="KEA_RECONCILER_SETTINGS",
    show_envvar=True,
    help="Networks that may be talked to, and time limits (TOML). Default: kea-reconciler.toml here, if there is one.",
)
credentials = click.option(
    "--credentials",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="KEA_RECONCILER_CREDENTIALS",
    show_envvar=True,
    help="Users, passwords and TLS files by scheme, host and port (TOML); refused if others can read it.",
)

state_dir = click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="KEA_RECONCILER_STATE_DIR",
    show_envvar=True,
    help="Folder for what runs do and leave behind. Default: kea-reconciler in $XDG_STATE_HOME or ~/.local/state.",
)
lock_timeout = click.option(
    "--lock-timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for another run that is at work on the same servers.",
)


def state(command: Command) -> Command:
    """Add the options of every command that changes something on servers."""
    for option in (lock_timeout, state_dir):
        command = option(command)
    return command


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


def operation(command: Command) -> Command:
    """Add the options of every command that does something to one server of a relationship."""
    for option in (
        lock_timeout,
        state_dir,
        log_level,
        credentials,
        settings,
        yes,
        output_format,
        service,
        relationship,
        desired,
    ):
        command = option(command)
    return command
