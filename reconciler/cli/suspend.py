"""`kea-reconciler suspend`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from reconciler.cli import completing, options
from reconciler.cli.nudging import store_for

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=90)


class Duration(click.ParamType[timedelta]):
    """A number and m, h or d, such as 90m."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the span of time; a usage error where it is none, or longer than anybody keeps in mind."""
        match = re.fullmatch(r"([1-9]\d{0,4})([mhd])", str(value))
        if match is None:
            self.fail(f"{value!r} is not a number and m, h or d, such as 90m or 12h", param, ctx)
        found = timedelta(**{_UNITS[match[2]]: int(match[1])})
        if found > _LONGEST:
            self.fail(f"{value!r} is longer than {_LONGEST.days} days; `replicate: false` is for good", param, ctx)
        return found


@click.command(short_help="Keep the daemon from changing a relationship for a while.")
@click.argument("relationship", shell_complete=completing.relationships)
@click.option("--reason", required=True, help="Why; the daemon says it wherever it says that it waits.")
@click.option(
    "--for",
    "duration",
    required=True,
    type=Duration(),
    metavar="DURATION",
    help="How long: 90m, 12h or 2d, for instance.",
)
@options.desired
@options.state_dir
def suspend(relationship: str, reason: str, duration: timedelta, desired: Path, state_dir: Path | None) -> int:
    """Keep `watch` from changing RELATIONSHIP until DURATION is over, or `resume` takes it back.

    It is watched and reported all the same. `apply` and the operations go on to work.
    """
    from reconciler.cli import session
    from reconciler.state.daemon import nudge
    from reconciler.state.suspensions import suspend as keep_off

    with session.told_errors(), store_for(relationship, desired, state_dir) as store:
        made = keep_off(store, relationship, reason, datetime.now(UTC) + duration)
        nudge(store.directory)
        until = made.until.astimezone().strftime("%Y-%m-%d %H:%M")
        click.echo(f"{relationship} is suspended until {until}: {reason}")
    return 0
