"""How a command ends: from plans, outcomes and statuses to the one list of exit codes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum

from reconciler.model import (
    Health,
    Objection,
    Plan,
    RelationshipOutcome,
    RelationshipPlan,
    RelationshipStatus,
    Result,
    ServerOutcome,
)
from reconciler.planning.leases import LeaseComparison
from reconciler.planning.scenes import Ending, OperationOutcome


class ExitCode(IntEnum):
    """What the process says to who started it; the same for every command and output form."""

    OK = 0
    ERROR = 1
    CHANGES = 2
    BLOCKED = 3
    WORLD_CHANGED = 4
    LOCKED = 5
    PARTIAL = 6
    USAGE = 64
    INTERRUPTED = 130


def is_approved(objection: Objection, approved: Collection[str]) -> bool:
    """Whether a person waved an objection through by its code; some never can be."""
    return objection.approvable and objection.code in approved


def unapproved(plan: RelationshipPlan, approved: Collection[str]) -> tuple[Objection, ...]:
    """Return the objections of a relationship's plan that nobody approved: with any, it is not carried out."""
    return tuple(each for each in plan.objections if not is_approved(each, approved))


def of_plan(plan: Plan, approved: Collection[str] = (), *, detailed: bool = False) -> ExitCode:
    """Return how `plan` and `drift` end. `approved` are the codes of objections that were waved through.

    | a relationship is unreachable or unplanned | has an unapproved objection | has changes | detailed | code    |
    |--------------------------------------------|-----------------------------|-------------|----------|---------|
    | yes                                        |                             |             |          | ERROR   |
    | no                                         | yes                         |             |          | BLOCKED |
    | no                                         | no                          | yes         | yes      | CHANGES |
    | no                                         | no                          | yes         | no       | OK      |
    | no                                         | no                          | no          |          | OK      |
    """
    if any(each.unreachable or each.unplanned is not None for each in plan.relationships):
        return ExitCode.ERROR
    if any(unapproved(each, approved) for each in plan.relationships):
        return ExitCode.BLOCKED
    has_changes = any(each.has_changes or each.mends for each in plan.relationships)
    return ExitCode.CHANGES if detailed and has_changes else ExitCode.OK


def of_outcomes(outcomes: Iterable[RelationshipOutcome], *, interrupted: bool = False) -> ExitCode:
    """Return how `apply` ends. `interrupted` says whether a person asked to stop.

    A server *fell short* when it failed, was restored, or was left alone although neither an objection nor a changed
    world kept its relationship from being carried out (it could not be read, or its partner was not well). One that
    was applied but is not persisted counts as both applied and fallen short.

    | interrupted | any applied | any fell short | world changed | blocked | code          |
    |-------------|-------------|----------------|---------------|---------|---------------|
    | yes         |             |                |               |         | INTERRUPTED   |
    | no          | yes         | any of the three is yes        |         | PARTIAL       |
    | no          | no          | yes            |               |         | ERROR         |
    | no          | no          | no             | yes           |         | WORLD_CHANGED |
    | no          | no          | no             | no            | yes     | BLOCKED       |
    | no          |             | no             | no            | no      | OK            |
    """
    if interrupted:
        return ExitCode.INTERRUPTED
    relationships = tuple(outcomes)
    results = {server.result for each in relationships for server in each.servers}
    fell_short = any(_fell_short(each, server) for each in relationships for server in each.servers)
    is_blocked = any(each.blocked_by for each in relationships)
    has_changed = Result.WORLD_CHANGED in results
    if Result.APPLIED in results and (fell_short or has_changed or is_blocked):
        return ExitCode.PARTIAL
    if fell_short:
        return ExitCode.ERROR
    if has_changed:
        return ExitCode.WORLD_CHANGED
    return ExitCode.BLOCKED if is_blocked else ExitCode.OK


def _fell_short(outcome: RelationshipOutcome, server: ServerOutcome) -> bool:
    if server.result is Result.NOT_ATTEMPTED:
        changed = any(each.result is Result.WORLD_CHANGED for each in outcome.servers)
        return not (outcome.blocked_by or changed)
    is_unpersisted = server.result is Result.APPLIED and server.persisted is False
    return is_unpersisted or server.result in {Result.FAILED, Result.RESTORED}


def of_status(statuses: Iterable[RelationshipStatus]) -> ExitCode:
    """Return how `status` ends.

    | every relationship is OK | code  |
    |--------------------------|-------|
    | yes (or there is none)   | OK    |
    | no                       | ERROR |
    """
    return ExitCode.OK if all(each.status is Health.OK for each in statuses) else ExitCode.ERROR


def of_operation(outcome: OperationOutcome, *, interrupted: bool = False) -> ExitCode:
    """Return how `maintenance`, `continue`, `sync` and `reset` end.

    | interrupted | ending                | because of a server that can't be reached | code        |
    |-------------|-----------------------|-------------------------------------------|-------------|
    | yes         |                       |                                           | INTERRUPTED |
    | no          | done or nothing to do |                                           | OK          |
    | no          | failed                |                                           | ERROR       |
    | no          | refused               | yes                                       | ERROR       |
    | no          | refused               | no                                        | BLOCKED     |
    """
    if interrupted:
        return ExitCode.INTERRUPTED
    if outcome.ending in {Ending.DONE, Ending.NOTHING_TO_DO}:
        return ExitCode.OK
    unreachable = any(each.code == "unreachable" for each in outcome.decision.refusals)
    return ExitCode.ERROR if unreachable or outcome.ending is Ending.FAILED else ExitCode.BLOCKED


def of_leases(comparison: LeaseComparison, *, detailed: bool = False) -> ExitCode:
    """Return how `leases compare` ends.

    | all leases were read | leases differ | detailed | code    |
    |----------------------|---------------|----------|---------|
    | no                   |               |          | ERROR   |
    | yes                  | yes           | yes      | CHANGES |
    | yes                  | yes           | no       | OK      |
    | yes                  | no            |          | OK      |
    """
    if not comparison.is_complete:
        return ExitCode.ERROR
    return ExitCode.CHANGES if detailed and comparison.differences else ExitCode.OK
