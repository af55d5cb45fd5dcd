"""`kea-reconciler suspend`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from reconciler.cli import completing, options
from reconciler.cli.nudging import concerning

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
@options.state
def suspend(
    relationship: str,
    reason: str,
    duration: timedelta,
    desired: Path,
    state_dir: Path | None,
    lock_timeout: float,
) -> int:
    """Keep `watch` from changing RELATIONSHIP until DURATION is over, or `resume` takes it back.

    What the daemon, or another run, is doing to its servers at the moment is waited for, so that they are left alone
    when this ends with 0. RELATIONSHIP is watched and reported all the same. `apply` and the operations go on to work.
    """
    from reconciler.cli import session
    from reconciler.errors import LockedError
    from reconciler.model.moments import moment
    from reconciler.state.runs import wait_for_others
    from reconciler.state.suspensions import suspend as keep_off

    def say(busy: str) -> None:
        click.echo(f"{relationship} is suspended; waiting for {busy}, which is at work on its servers", err=True)

    with session.told_errors(), concerning(relationship, desired, state_dir) as concern:
        # Only then is looked who is at work: the daemon has the servers first, and asks after that what is suspended.
        made = keep_off(concern.store, relationship, reason, datetime.now(UTC) + duration)
        concern.tell(*made.told)
        busy = wait_for_others(concern.store, concern.controls, lock_timeout, say)
        click.echo(f"{relationship} is suspended until {moment(made.until, 'minutes')}: {reason}")
        if busy is not None:
            raise LockedError(
                f"{busy} is still at work on its servers, and may change them until it is done; it was not within "
                f"{lock_timeout:g} s. The daemon begins nothing there after that; the same `suspend` again waits again"
            )
    return 0
