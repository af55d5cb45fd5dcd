"""What commands that change something share: the question before, and a stop between two steps."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import click

from reconciler.cli.remembering import remember_shown

if TYPE_CHECKING:
    from reconciler.cli.approving import Approvals
    from reconciler.cli.forms import Forms
    from reconciler.cli.session import Session
    from reconciler.model import Live, Plan, RelationshipOutcome, Service
    from reconciler.planning.verdict import ExitCode
    from reconciler.reports.report import Report
    from reconciler.running.hands import Hands

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked before anything is changed, what --yes would do without, and what is said after a no."""

    text: str
    doing: str
    refusal: str


def carry_out_plan(
    run: Session,
    made: Plan,
    given: Approvals,
    *,
    forms: Forms,
    verbose: bool,
    question: Question | None,
    begins: Callable[[], None] = lambda: None,
    again: Callable[[Mapping[tuple[str, Service], Live]], Plan] | None = None,
    report: Callable[[Sequence[RelationshipOutcome], Plan], Report] | None = None,
) -> ExitCode:
    """Show a plan, ask unless there is nothing to ask, carry it out, say what became of it, and return how that ends.

    Where `forms` have no text for stdout, it holds the outcome alone. `begins` is called before anything is sent;
    `again` is for Hands; `report` makes another report of the outcomes than the usual one.
    """
    from reconciler.cli import session
    from reconciler.planning import verdict
    from reconciler.reports.report import outcome_report
    from reconciler.reports.text_plan import text_plan
    from reconciler.running.apply import apply as carry_out

    colour = session.wants_colour(sys.stdout if forms.is_text else sys.stderr)
    approved = given.codes
    text = text_plan(made, approved=approved, colour=colour, verbose=verbose, fingerprint=given.fingerprint)
    run.echo(text, err=not forms.is_text)
    try:
        if question is not None and _has_work(made, approved):
            ask(run, question.text, question.doing, question.refusal)
        if _has_work(made, approved):
            begins()
        outcomes, is_interrupted = carried_out(
            run, lambda hands: carry_out(made, replace(hands, again=again), approved)
        )
    finally:
        remember_shown(run, made, None)
    told = report(outcomes, made) if report else outcome_report(outcomes, made, session.command_name())
    run.tell(forms, _below_the_plan(told, is_told=report is None and _is_told_by_plan(outcomes)))
    return verdict.of_outcomes(outcomes, interrupted=is_interrupted)


def _below_the_plan(report: Report, *, is_told: bool) -> Report:
    """Return the report with a text that stands below the plan, or says nothing where that told everything."""
    text = report.text
    return report.with_text(lambda colour: "" if is_told else "\n" + text(colour))


def _has_work(plan: Plan, approved: Sequence[str]) -> bool:
    from reconciler.planning.verdict import unapproved

    return any(
        each.mends or (each.has_changes and (each.left or not unapproved(each, approved)))
        for each in plan.relationships
    )


def _is_told_by_plan(outcomes: Sequence[RelationshipOutcome]) -> bool:
    """Whether there was nothing to do on any server, which the plan has said already."""
    from reconciler.model import Result

    return all(server.result is Result.NOTHING_TO_DO for each in outcomes for server in each.servers)


def ask(run: Session, question: str, doing: str, refusal: str) -> None:
    """Ask on the terminal; where nobody can answer, say how to go on, and where the answer is no, end.

    `doing` is what --yes would do without a question. Nobody else is kept from the servers meanwhile.
    """
    from reconciler.cli.session import Failure

    need_terminal(doing)
    with run.aside():
        if not click.confirm(question, err=True):
            raise Failure(f"{refusal}: the answer was no; nothing was changed")


def need_terminal(doing: str) -> None:
    """End where nobody can answer a question, and say how to go on without one."""
    from reconciler.cli.session import is_terminal

    if not is_terminal(sys.stdin):
        raise click.UsageError(f"there is no terminal to ask on; give --yes to {doing} without a question")


def carried_out(run: Session, act: Callable[[Hands], Awaitable[T]]) -> tuple[T, bool]:
    """Act, with Ctrl-C and SIGTERM turned into a stop between two steps. Returns also whether that was asked for."""
    import asyncio
    import signal

    from reconciler.cli import session

    async def work() -> tuple[T, bool]:
        loop = asyncio.get_running_loop()
        hands = run.hands(say)

        def stop() -> None:
            hands.stop.set()
            click.echo("Stopping. The step at hand is finished first, which can take a few minutes.", err=True)

        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sign, stop)
        try:
            done = await act(hands)
        finally:
            for sign in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(sign)
        return done, hands.stop.is_set()

    with session.progress() as say:
        return session.run(work())
