"""What maintenance, continue, sync and reset share: look, decide, show, ask, act, and say where the servers stand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli.carrying import ask, carried_out
from reconciler.cli.remembering import at_work

if TYPE_CHECKING:
    from reconciler.cli.forms import Forms
    from reconciler.cli.session import Session
    from reconciler.model import Desired, Endpoint, Relationship
    from reconciler.planning.scenes import Decision, Operation, OperationOutcome, Scene


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    operation: Operation
    server: str
    source: str | None
    names: Sequence[str]
    service: str | None
    desired: Path
    settings: Path | None
    credentials: Path | None
    log_level: str
    forms: Forms
    yes: bool
    state_dir: Path | None
    lock_timeout: float


def operate(operation: str, server: str, options: Mapping[str, Any], source: str | None = None) -> int:
    """Do one operation on a server, from the question to the report, and return the exit code.

    `options` are the values of `options.operation`, by the names that click gives them.
    """
    from reconciler.cli import session
    from reconciler.planning import verdict
    from reconciler.planning.scenes import Operation
    from reconciler.reports.json_operations import json_operation
    from reconciler.reports.report import other_report
    from reconciler.reports.text_operations import text_operation

    request = Request(Operation(operation), server, source, **options)
    with session.told_errors(request.forms):
        run = session.open_session(request.settings, request.credentials, request.log_level, request.desired)
        desired = session.load_desired(request.desired, request.names)
        relationship = chosen(desired, request)
        endpoints = _endpoints(desired, relationship, request.operation)
        action = request.operation.partition(" ")[2]  # start and stop are arguments of one command
        what = f"{action} {server}".strip()
        with at_work(run, request.state_dir, request.lock_timeout, endpoints, desired.revision, what) as ending:
            if run.journal is not None:
                run.journal.concerns(relationship.name, relationship.service)
            known = (*desired.relationships, *desired.others)
            outcome, is_interrupted = _done(run, request, relationship, endpoints, known)
            ending.says(verdict.of_operation(outcome, interrupted=is_interrupted))
        code = verdict.of_operation(outcome, interrupted=is_interrupted)
        report = other_report(
            str(request.operation),
            lambda colour: text_operation(outcome, colour=colour, is_alone=True),
            lambda: json_operation(outcome),
            is_well=code is verdict.ExitCode.OK,
        )
        run.tell(request.forms, report.with_text(lambda colour: "\n" + text_operation(outcome, colour=colour)))
        return int(code)


def _done(
    run: Session,
    request: Request,
    relationship: Relationship,
    endpoints: Sequence[Endpoint],
    known: Sequence[Relationship],
) -> tuple[OperationOutcome, bool]:
    """Show what is found and decided, and do it unless there is nothing to do. `known` are all relationships.

    Returns the outcome, and whether a person asked to stop meanwhile.
    """
    from reconciler.cli import session
    from reconciler.planning.scenes import Operation, OperationOutcome, scene, settled, standings
    from reconciler.reports.text_operations import text_decision
    from reconciler.running.operations import carry_out

    with session.progress() as say:
        live = run.observe(endpoints, say)
    found = scene(relationship, request.server, live, known if request.operation is Operation.RESET else ())
    decide = _decider(run, request, found)
    decision = decide(found)
    colour = session.wants_colour(sys.stdout if request.forms.is_text else sys.stderr)
    run.echo(text_decision(request.operation, found, decision, colour=colour), err=not request.forms.is_text)
    end = settled(decision)
    if end is not None:
        before = standings(relationship, found.live)
        return OperationOutcome(request.operation, relationship, request.server, *end, decision, before), False
    if not request.yes:
        ask(run, "Go on?", "go on", "not done")
    return carried_out(run, lambda hands: carry_out(request.operation, found, decide, hands))


def _endpoints(desired: Desired, relationship: Relationship, operation: Operation) -> list[Endpoint]:
    """Return whom an operation concerns: the servers of the relationship, and at a reset, while which a hub answers
    nobody at all, those of its other relationships too.
    """
    from reconciler.planning.elsewhere import sharing
    from reconciler.planning.scenes import Operation

    concerned = [relationship]
    if operation is Operation.RESET:
        others = [each for each in (*desired.relationships, *desired.others) if each is not relationship]
        concerned += sharing([relationship], others)
    named = dict.fromkeys((peer.server, each.service) for each in concerned for peer in each.peers)
    return [desired.endpoints[key] for key in named]


def chosen(desired: Desired, request: Request) -> Relationship:
    """Return the relationship that is meant. Raises UsageError where it is none, or not certain which."""
    from reconciler.errors import UsageError

    server = request.server
    among = [each for each in desired.relationships if request.service in {None, each.service.value}]
    found = [each for each in among if server in {peer.server for peer in each.peers}]
    if not found:
        known = sorted({peer.server for each in among for peer in each.peers})
        raise UsageError(f"no relationship here has the server {server}; there are: {', '.join(known) or 'none'}")
    if len(found) > 1:
        names = ", ".join(f"{each.name} ({each.service})" for each in found)
        raise UsageError(f"{server} is in more than one relationship: {names}; choose with --relationship or --service")
    if request.source is not None:
        others = [peer.server for peer in found[0].peers if peer.server != server]
        if request.source not in others:
            raise UsageError(f"--from {request.source}: the others in {found[0].name} are {', '.join(others)}")
    return found[0]


def _decider(run: Session, request: Request, found: Scene) -> Callable[[Scene], Decision]:
    """Return how the operation is decided, with what a sync needs to know of the other server besides."""
    from functools import partial

    from reconciler.planning.mending import giver_of
    from reconciler.planning.operations import decide
    from reconciler.planning.scenes import Operation

    leases = None
    giver = giver_of(found, request.source) if request.operation is Operation.SYNC else None
    snapshot = found.snapshot(giver) if giver else None
    if snapshot is not None:
        leases = _count_leases(run, snapshot.endpoint)
    return partial(decide, request.operation, source=request.source, leases=leases)


def _count_leases(run: Session, endpoint: Any) -> int | None:
    from reconciler.cli import session
    from reconciler.running.operations import count_leases

    async def work() -> int | None:
        async with run.open_client(endpoint) as client:
            return await count_leases(client, endpoint.service)

    return session.run(work())
