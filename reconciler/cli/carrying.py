"""What commands that change something share: the question before, and a stop between two steps."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from reconciler.cli.session import Session
    from reconciler.running.hands import Hands

T = TypeVar("T")


def ask(question: str, doing: str, refusal: str) -> None:
    """Ask on the terminal; where nobody can answer, say how to go on, and where the answer is no, end.

    `doing` is what --yes would do without a question.
    """
    from reconciler.cli.session import Failure, is_terminal

    if not is_terminal(sys.stdin):
        raise click.UsageError(f"there is no terminal to ask on; give --yes to {doing} without a question")
    if not click.confirm(question, err=True):
        raise Failure(f"{refusal}: the answer was no; nothing was changed")


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
