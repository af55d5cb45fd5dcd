"""`kea-reconciler enable`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.carrying import Question, carry_out_plan

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms
    from reconciler.model import Endpoint, Service


@click.command(short_help="Let a server serve again that was disabled.")
@click.argument("server")
@options.desired
@options.service
@options.output_format
@options.yes
@options.approve
@options.access
def enable(
    server: str,
    desired: Path,
    service: str | None,
    forms: Forms,
    approved: Sequence[str],
    settings: Path | None,
    credentials: Path | None,
    log_level: str,
    *,
    yes: bool,
) -> int:
    """Let SERVER serve its subnets again, after it was disabled when it left its relationship (on-remove: disable).

    Takes off it what kept it from answering, and nothing else. Every other server of the inventory is looked at before:
    two that serve the same subnets outside a relationship give one address to two clients. A server that is to be in a
    relationship again needs no `enable`: `apply` sees to that.
    """
    from reconciler.cli import session
    from reconciler.desired.load import load_inventory
    from reconciler.desired.revision import revision
    from reconciler.model import Plan
    from reconciler.planning.enabling import plan_enabling

    with session.told_errors(forms):
        run = session.open_session(settings, credentials, log_level, desired)
        endpoints = load_inventory(desired)
        services = _services(endpoints, server, service)
        with session.progress() as say:
            live = run.observe([endpoint for key, endpoint in endpoints.items() if key[1] in services], say)
            live = run.count_leases(live, [(server, each) for each in services])
        plans = tuple(plan_enabling(server, each, live) for each in services)
        question = None if yes else Question("Let it serve?", "enable it", "not enabled")
        made = Plan(revision(desired), plans)
        return int(carry_out_plan(run, made, approved, forms=forms, verbose=False, question=question))


def _services(endpoints: Mapping[tuple[str, Service], Endpoint], server: str, service: str | None) -> list[Service]:
    """Return the services that are meant. Raises UsageError where the inventory has none."""
    from reconciler.errors import UsageError

    found = sorted(each for name, each in endpoints if name == server and service in {None, each.value})
    if not found:
        known = ", ".join(sorted({name for name, _ in endpoints}))
        raise UsageError(f"servers.yaml has no {f'{service} of ' if service else ''}{server}; there are: {known}")
    return found
