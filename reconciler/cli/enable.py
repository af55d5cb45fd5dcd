"""`kea-reconciler enable`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import completing, options
from reconciler.cli.approving import approvals_of
from reconciler.cli.carrying import Question, carry_out_plan
from reconciler.cli.remembering import at_work

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms
    from reconciler.cli.session import Session
    from reconciler.model import Endpoint, Relationship, RelationshipPlan, Service, Unreachable
    from reconciler.planning.verdict import ExitCode


@click.command(short_help="Let a server serve again that was disabled.")
@click.argument("server", shell_complete=completing.servers)
@options.desired
@options.service
@options.output_format
@options.yes
@options.approve
@options.state
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
    state_dir: Path | None,
    lock_timeout: float,
    *,
    yes: bool,
) -> int:
    """Let SERVER serve its subnets again, after it was disabled when it left its relationship (on-remove: disable).

    Takes off it what kept it from answering, and nothing else. Every other server of the inventory is looked at before:
    two that serve the same subnets outside a relationship give one address to two clients. A server that is to be in a
    relationship again needs no `enable`: `apply` sees to that.
    """
    from reconciler.cli import session
    from reconciler.desired.load import load_approvals, load_described, load_inventory
    from reconciler.desired.revision import revision
    from reconciler.model import Plan
    from reconciler.planning.elsewhere import with_elsewhere
    from reconciler.planning.enabling import plan_enabling

    with session.told_errors(forms):
        run = session.open_session(settings, credentials, log_level, desired)
        endpoints, approvals = load_inventory(desired), load_approvals(desired)
        services, known = _services(endpoints, server, service), load_described(desired)
        with at_work(run, state_dir, lock_timeout, _concerned(endpoints, known, server, services)) as ending:
            with session.progress() as say:
                live = run.observe([endpoint for key, endpoint in endpoints.items() if key[1] in services], say)
                live = run.count_leases(live, [(server, each) for each in services])
            plans = tuple(with_elsewhere(plan_enabling(server, each, live), known, live) for each in services)
            silent = [each for plan in plans for each in plan.unreachable]
            if silent:
                return ending.says(_not_read(run, plans, silent, forms))
            if not any(plan.has_changes or plan.unplanned for plan in plans):
                return ending.says(_not_disabled(run, server, plans, forms))
            question = None if yes else Question("Let it serve?", "enable it", "not enabled")
            made = Plan(revision(desired), plans, approvals=approvals)
            given = approvals_of(run, made, approved)
            return ending.says(carry_out_plan(run, made, given, forms=forms, verbose=False, question=question))


def _concerned(
    endpoints: Mapping[tuple[str, Service], Endpoint],
    known: Sequence[Relationship],
    server: str,
    services: Sequence[Service],
) -> list[Endpoint]:
    """Return the server's endpoints, and those of its peers where it is in a relationship: one may stand in for it."""
    keys = [(server, each) for each in services]
    keys += [(peer.server, each.service) for each in known for peer in each.peers if _is_of(each, server, services)]
    return [endpoints[key] for key in dict.fromkeys(keys) if key in endpoints]


def _is_of(relationship: Relationship, server: str, services: Sequence[Service]) -> bool:
    return relationship.service in services and any(peer.server == server for peer in relationship.peers)


def _not_read(run: Session, plans: Sequence[RelationshipPlan], silent: Sequence[Unreachable], forms: Forms) -> ExitCode:
    """Say which services of the server can't be read. Nothing is done to the other one either: --service chooses it."""
    from reconciler.model import Plan, RelationshipOutcome, Result, ServerOutcome
    from reconciler.planning import verdict
    from reconciler.redaction import visible
    from reconciler.reports.report import outcome_report

    lines = [f"{visible(str(each.endpoint))} can't be read: {visible(each.reason)}" for each in silent]
    advice = "Make it reachable, and run this again."
    if len(silent) < len(plans):
        advice = "Make it reachable, or choose the other service with --service."
    text = "\n".join([*lines, f"Nothing was changed. {advice}"])
    outcomes = [
        RelationshipOutcome(
            plan.relationship.name,
            (ServerOutcome(plan.relationship.peers[0].server, Result.NOT_ATTEMPTED, "; ".join(lines)),),
        )
        for plan in plans
    ]
    run.tell(forms, outcome_report(outcomes, Plan("", tuple(plans)), "enable").with_text(lambda _: text))
    return verdict.of_outcomes(outcomes)


def _not_disabled(run: Session, server: str, plans: Sequence[RelationshipPlan], forms: Forms) -> ExitCode:
    """Say that there is nothing to take off the server; what else it may need is not looked at."""
    from reconciler.model import Plan, RelationshipOutcome, Result, ServerOutcome
    from reconciler.planning import verdict
    from reconciler.reports.report import outcome_report

    text = f"{server} was not disabled by kea-reconciler: there is nothing to enable, and nothing was changed."
    outcomes = [
        RelationshipOutcome(plan.relationship.name, (ServerOutcome(server, Result.NOTHING_TO_DO, "not disabled"),))
        for plan in plans
    ]
    run.tell(forms, outcome_report(outcomes, Plan("", tuple(plans)), "enable").with_text(lambda _: text))
    return verdict.of_outcomes(outcomes)


def _services(endpoints: Mapping[tuple[str, Service], Endpoint], server: str, service: str | None) -> list[Service]:
    """Return the services that are meant. Raises UsageError where the inventory has none."""
    from reconciler.errors import UsageError

    found = sorted(each for name, each in endpoints if name == server and service in {None, each.value})
    if not found:
        known = ", ".join(sorted({name for name, _ in endpoints}))
        raise UsageError(f"servers.yaml has no {f'{service} of ' if service else ''}{server}; there are: {known}")
    return found
